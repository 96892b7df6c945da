import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { describeError, isHeadgateError } from '../../../lib/errors/index.ts';
import {
  prepareHost,
  planHost,
  undoHost,
  type HostOptions,
  type PreparedHost,
} from '../../../lib/host-setup/index.ts';
import {
  Link,
  loadCollection,
  mountBpffs,
  tcxAvailable,
  unmountBpffs,
} from '../../../lib/linux/bpf/index.ts';
import { Netlink } from '../../../lib/linux/netlink/index.ts';
import { createLab, inside, probeLab, type Lab } from '../../lab/index.ts';
import { temporaryFolder } from '../../temporary-folder.ts';
import { testUnless } from '../../test-unless.ts';
import { until } from '../../until.ts';
import { ownNamespaces, temporaryDirectory } from '../linux/bpf/own-namespaces.ts';
import { wrapProgram, type Wrapping } from './wrap.ts';

const tcx = tcxAvailable();
const labTest = testUnless(tcx.available ? probeLab() : tcx.reason);

const script = (name: string) => [process.execPath, fileURLToPath(new URL(`${name}.js`, import.meta.url))];

const vip4 = '203.0.113.10';
const vip6 = '2001:db8::10';

/** A client that is the director, too, on a link with a balancer's host; addresses of both families. */
async function twoHosts(t: ExecutionContext): Promise<Lab> {
  return createLab(t, {
    hosts: {
      client: ['10.77.0.10', '10.77.0.1', 'fd77::10', 'fd77::d'],
      b1: ['10.77.1.1', 'fd77::1:1'],
    },
  });
}

async function options(t: ExecutionContext, more: Partial<HostOptions> = {}): Promise<HostOptions> {
  return {
    owner: 'balancer chat/b1',
    host: '10.77.1.1',
    directors: ['10.77.0.1', 'fd77::d'],
    vips: [{ address: vip4, mode: 'dr' }],
    stateDirectory: await temporaryFolder(t),
    ...more,
  };
}

/** What happens before the first waiting happens on the host: all of it, when nobody else holds the lock. */
function prepareOn(lab: Lab, host: string, wanted: HostOptions): Promise<PreparedHost> {
  return inside(lab, host, () => prepareHost(wanted));
}

/** Names in a directory without those of locks. */
function readFileNames(directory: string): readonly string[] {
  return readdirSync(directory).filter((name) => !name.endsWith('.lock'));
}

/** All settings of IPv4 and all addresses of a host. */
async function snapshot(lab: Lab, host: string): Promise<string> {
  const settings = await lab.exec(host, [
    'sh',
    '-c',
    'grep -r "" /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf',
  ]);
  // A link-local address becomes usable when it likes.
  const addresses = await lab.exec(host, ['sh', '-c', 'ip -o address | grep -v fe80:']);
  return settings.stdout.split('\n').toSorted().join('\n') + addresses.stdout;
}

/** Whether `host` gets an answer to ARP for an address. */
async function isAnswered(t: ExecutionContext, lab: Lab, host: string, address: string): Promise<boolean> {
  const netlink = inside(lab, host, () => Netlink.open());
  t.teardown(() => netlink.close());
  const { index } = netlink.interfaces().find(({ name }) => name === 'eth0')!;
  await lab.exec(host, ['ip', 'neigh', 'del', address, 'dev', 'eth0']);
  netlink.resolveNeighbour(index, address);
  const { state } = await until(() => {
    const found = netlink.neighbours().find((neighbour) => neighbour.address === address);
    return found?.state === 'reachable' || found?.state === 'failed' ? found : undefined;
  }, `${address} to be answered for, or not`);
  netlink.close();
  return state === 'reachable';
}

labTest('dr: a prepared host owns the VIP and does not tell; undone, it is exactly as it was', async (t) => {
  const lab = await twoHosts(t);
  await lab.sysctl('client', 'net.ipv4.neigh.eth0.retrans_time_ms', '50');
  await lab.sysctl('b1', 'net.ipv4.conf.eth0.rp_filter', '1');
  const before = await snapshot(lab, 'b1');

  // The check is one: without preparation the host answers.
  await lab.exec('b1', ['ip', 'address', 'add', `${vip4}/32`, 'dev', 'lo']);
  t.true(await isAnswered(t, lab, 'client', vip4));
  await lab.exec('b1', ['ip', 'address', 'del', `${vip4}/32`, 'dev', 'lo']);

  const wanted = await options(t, {
    vips: [
      { address: vip4, mode: 'dr' },
      { address: vip6, mode: 'dr' },
    ],
  });
  const planned = inside(lab, 'b1', () => planHost(wanted));
  t.is(await snapshot(lab, 'b1'), before, 'a plan changes nothing');
  const host = await prepareOn(lab, 'b1', wanted);
  t.deepEqual(host.takeLog(), [
    'set net.ipv4.conf.eth0.arp_ignore from 0 to 1',
    'set net.ipv4.conf.eth0.arp_announce from 0 to 2',
    'set net.ipv4.conf.eth0.rp_filter from 1 to 2',
    `added ${vip4}/32 to lo`,
    `added ${vip6}/128 to lo`,
  ]);
  t.is(planned.length, 5);
  t.deepEqual(
    inside(lab, 'b1', () => planHost(wanted)),
    [],
  );
  t.is(host.binding.interface, 'eth0');
  t.is(host.mss(vip4), undefined);
  t.false(await isAnswered(t, lab, 'client', vip4));

  await inside(lab, 'b1', () => host.undo());
  t.is(host.takeLog().length, 5);
  t.is(await snapshot(lab, 'b1'), before);
  await inside(lab, 'b1', () => host.undo());
  t.is(await snapshot(lab, 'b1'), before);
});

labTest(
  'tun: connections to wrapped VIPs work in all four forms, with segments that still fit when wrapped',
  async (t) => {
    const lab = await twoHosts(t);
    const extra = ['203.0.113.11', '2001:db8::11'] as const;
    const wrappings: readonly Wrapping[] = [
      { vip: vip4, director: '10.77.0.1', host: '10.77.1.1' },
      { vip: vip6, director: '10.77.0.1', host: '10.77.1.1' },
      { vip: extra[0], director: 'fd77::d', host: 'fd77::1:1' },
      { vip: extra[1], director: 'fd77::d', host: 'fd77::1:1' },
    ];
    await lab.exec('client', ['ip', 'route', 'add', '203.0.113.0/24', 'via', '10.77.1.1']);
    await lab.exec('client', ['ip', 'route', 'add', '2001:db8::/64', 'via', 'fd77::1:1']);
    const programs = loadCollection({
      maps: {},
      programs: Object.fromEntries(
        wrappings.map((wrapping, index) => [`wrap${index}`, wrapProgram(wrapping)]),
      ),
    });
    const links = inside(lab, 'client', () => {
      const { index } = interfaceOf();
      return Object.values(programs.programs).map((program) => Link.attachTcx(program, index, 'egress'));
    });
    t.teardown(() => {
      for (const link of links) link.close();
      programs.close();
    });
    const before = await snapshot(lab, 'b1');
    const server = await lab.spawn('b1', script('lab-server'));
    await server.line(/listening/);

    // Two owners, one for each family of the host.
    const first = await options(t, {
      vips: [
        { address: vip4, mode: 'tun' },
        { address: vip6, mode: 'tun' },
      ],
    });
    const second: HostOptions = {
      ...first,
      owner: 'balancer chat/b2',
      host: 'fd77::1:1',
      vips: extra.map((address) => ({ address, mode: 'tun' })),
    };
    const hosts = [await prepareOn(lab, 'b1', first), await prepareOn(lab, 'b1', second)];
    t.teardown(() => Promise.all(hosts.map((host) => inside(lab, 'b1', () => host.undo()))));
    t.deepEqual(
      [hosts[0]!.mss(vip4), hosts[0]!.mss(vip6), hosts[1]!.mss(extra[0]), hosts[1]!.mss(extra[1])],
      [1_440, 1_420, 1_420, 1_400],
    );
    const { stdout } = await lab.exec('client', [
      ...script('lab-client'),
      '1000000',
      ...wrappings.map(({ vip }) => vip),
    ]);
    // Twelve bytes of each segment are timestamps.
    t.deepEqual(stdout.trim().split('\n').toSorted(), [
      `${vip6} whole, mss 1408`,
      `${extra[1]} whole, mss 1388`,
      `${vip4} whole, mss 1428`,
      `${extra[0]} whole, mss 1408`,
    ]);
    for (const host of hosts) {
      const counters = host.counters();
      t.true(counters.unwrapped > 10);
      t.is(counters.mssLowered, 2);
      t.is(counters.tunnelMalformed + counters.tunnelFragments + counters.tunnelRefused, 0);
    }

    for (const host of hosts) await inside(lab, 'b1', () => host.undo());
    t.is(await snapshot(lab, 'b1'), before);
    t.is(hosts[0]!.counters().unwrapped, 0);
  },
);

/** Of the namespace this process is in. */
function interfaceOf(name = 'eth0') {
  const netlink = Netlink.open();
  try {
    return netlink.interfaces().find((each) => each.name === name)!;
  } finally {
    netlink.close();
  }
}

labTest('two owners of one VIP do not undo each other, and doing it twice is harmless', async (t) => {
  const lab = await twoHosts(t);
  const before = await snapshot(lab, 'b1');
  const one = await options(t);
  const other = { ...one, owner: 'balancer chat/b2' };
  const first = await prepareOn(lab, 'b1', one);
  const prepared = await snapshot(lab, 'b1');
  const again = await prepareOn(lab, 'b1', one);
  t.deepEqual(again.takeLog(), []);
  const second = await prepareOn(lab, 'b1', other);
  await inside(lab, 'b1', () => first.undo());
  t.is(await snapshot(lab, 'b1'), prepared);
  await inside(lab, 'b1', () => second.undo());
  t.is(await snapshot(lab, 'b1'), before);
});

labTest(
  'what was there before stays: an address somebody else gave, a setting somebody changed since',
  async (t) => {
    const lab = await twoHosts(t);
    await lab.exec('b1', ['ip', 'address', 'add', `${vip4}/32`, 'dev', 'lo']);
    await lab.sysctl('b1', 'net.ipv4.conf.all.arp_ignore', '1');
    const host = await prepareOn(lab, 'b1', await options(t));
    t.deepEqual(host.takeLog(), ['set net.ipv4.conf.eth0.arp_announce from 0 to 2']);
    await lab.sysctl('b1', 'net.ipv4.conf.eth0.arp_announce', '1');
    const since = await snapshot(lab, 'b1');
    await inside(lab, 'b1', () => host.undo());
    t.is(await snapshot(lab, 'b1'), since);
    t.deepEqual(host.takeLog(), ['left net.ipv4.conf.eth0.arp_announce at 1: it was changed since']);
  },
);

labTest('an update adds what is new, mends what is missing and takes away what is not wanted', async (t) => {
  const lab = await twoHosts(t);
  const before = await snapshot(lab, 'b1');
  const wanted = await options(t);
  const host = await prepareOn(lab, 'b1', wanted);
  host.takeLog();
  await lab.exec('b1', ['ip', 'address', 'del', `${vip4}/32`, 'dev', 'lo']);
  const update = (vips: HostOptions['vips']) => inside(lab, 'b1', () => host.update({ ...wanted, vips }));
  await update([
    { address: vip4, mode: 'dr' },
    { address: vip6, mode: 'tun' },
  ]);
  t.deepEqual(host.takeLog(), [
    `added ${vip4}/32 to lo`,
    `added ${vip6}/128 to lo`,
    'unwrapping tunnel packets; MSS lowered to 1420',
  ]);
  await update([{ address: vip6, mode: 'dr' }]);
  t.deepEqual(host.takeLog(), [
    'took the tunnel programs off',
    `removed ${vip4}/32 from lo`,
    'set net.ipv4.conf.eth0.arp_announce back to 0',
    'set net.ipv4.conf.eth0.arp_ignore back to 0',
  ]);
  await update([]);
  t.is(await snapshot(lab, 'b1'), before);
  await inside(lab, 'b1', () => host.undo());
});

labTest('what fails is taken back, and says what to do', async (t) => {
  const lab = await twoHosts(t);
  const wanted = await options(t);
  const refused = async (more: Partial<HostOptions>, code: string): Promise<Error> => {
    const before = await snapshot(lab, 'b1');
    const error = await t.throwsAsync(async () => prepareOn(lab, 'b1', { ...wanted, ...more }));
    t.like(error, { code });
    t.is(await snapshot(lab, 'b1'), before);
    return error!;
  };
  await refused({ host: '10.77.9.9' }, 'HEADGATE_HOST_INTERFACE');
  await refused({ host: '127.0.0.1' }, 'HEADGATE_HOST_INTERFACE');
  await lab.addAddress('b1', `${vip4}/24`);
  t.like(await refused({}, 'HEADGATE_HOST_VIP'), { cure: `remove it: ip address del ${vip4}/24 dev eth0` });
  await lab.removeAddress('b1', `${vip4}/24`);
  // The last step fails after the settings were changed: no IPv6 on the loopback.
  await lab.sysctl('b1', 'net.ipv6.conf.lo.disable_ipv6', '1');
  await refused({ vips: [...wanted.vips, { address: vip6, mode: 'dr' }] }, 'HEADGATE_HOST_ADDRESS');
});

labTest(
  'a killed owner leaves the VIP, and an undo of its name puts everything back; a running one is left alone',
  async (t) => {
    const lab = await twoHosts(t);
    const before = await snapshot(lab, 'b1');
    const wanted = await options(t);
    const program = await lab.spawn('b1', [...script('lab-owner'), JSON.stringify(wanted)]);
    await program.line(/prepared/);
    const { stateDirectory } = wanted;
    const undo = () => inside(lab, 'b1', () => undoHost({ owners: [wanted.owner], stateDirectory }));
    t.deepEqual(await undo(), { log: [], running: [{ owner: wanted.owner, pid: program.pid }] });

    const [name] = readFileNames(stateDirectory);
    t.is(statSync(join(stateDirectory, name!)).mode & 0o777, 0o600);
    program.signal('SIGKILL');
    await program.exited;
    t.not(await snapshot(lab, 'b1'), before);
    const { log, running } = await undo();
    t.is(log.length, 3);
    t.deepEqual(running, []);
    t.is(await snapshot(lab, 'b1'), before);
    t.deepEqual((await undo()).log, []);
    t.false(existsSync(join(stateDirectory, name!)));
  },
);

labTest('programs of a command outlive it, are replaced by the next run, and go with the undo', async (t) => {
  const answer = ownNamespaces();
  if (!answer.available) throw new Error(answer.reason);
  const root = temporaryDirectory();
  mountBpffs(root);
  t.teardown(() => {
    unmountBpffs(root);
    rmSync(dirname(root), { recursive: true });
  });
  const lab = await twoHosts(t);
  const before = await snapshot(lab, 'b1');
  const pinDirectory = join(root, 'host-chat-b1');
  const wanted = await options(t, {
    owner: 'prepare-host chat/b1',
    vips: [{ address: vip4, mode: 'tun' }],
    pinDirectory,
  });
  const program = await lab.spawn('b1', [...script('lab-owner'), JSON.stringify(wanted)]);
  await program.line(/prepared/);
  program.signal('SIGKILL');
  await program.exited;
  const first = readFileNames(pinDirectory);
  t.is(first.length, 2);
  await prepareOn(lab, 'b1', wanted);
  const second = readFileNames(pinDirectory);
  t.is(second.length, 2);
  t.notDeepEqual(second, first);
  const { stateDirectory } = wanted;
  const { log } = await inside(lab, 'b1', () => undoHost({ owners: [wanted.owner], stateDirectory }));
  t.is(log[0], 'took the tunnel programs off');
  t.false(existsSync(pinDirectory));
  t.is(await snapshot(lab, 'b1'), before);
});

labTest(
  'where no bpf file system is, that is said with the cure, nothing is made and all is undone',
  async (t) => {
    const lab = await twoHosts(t);
    const before = await snapshot(lab, 'b1');
    const root = temporaryDirectory();
    t.teardown(() => rmSync(dirname(root), { recursive: true }));
    const wanted = await options(t, {
      owner: 'prepare-host chat/b1',
      vips: [{ address: vip4, mode: 'tun' }],
      pinDirectory: join(root, 'headgate', 'host-chat-b1'),
    });
    const error = await t.throwsAsync(() => prepareOn(lab, 'b1', wanted));
    t.true(isHeadgateError(error, 'HEADGATE_BPF_NO_BPFFS'), describeError(error));
    t.deepEqual(readFileNames(root), []);
    t.is(await snapshot(lab, 'b1'), before);
  },
);

labTest('a record that is not understood stops everything before it is done', async (t) => {
  const lab = await twoHosts(t);
  const wanted = await options(t);
  const host = await prepareOn(lab, 'b1', wanted);
  const [name] = readFileNames(wanted.stateDirectory);
  const path = join(wanted.stateDirectory, name!);
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, '{"version":9}');
  const before = await snapshot(lab, 'b1');
  await t.throwsAsync(async () => prepareOn(lab, 'b1', wanted), { code: 'HEADGATE_HOST_STATE' });
  t.is(await snapshot(lab, 'b1'), before);
  writeFileSync(path, text);
  await inside(lab, 'b1', () => host.undo());
});
