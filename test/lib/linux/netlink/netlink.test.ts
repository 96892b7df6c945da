import type { ExecutionContext } from 'ava';
import { systemClock } from '../../../../lib/clock/index.ts';
import {
  Netlink,
  NetlinkWatch,
  NextHops,
  systemNextHopSource,
  type NetlinkEvent,
} from '../../../../lib/linux/netlink/index.ts';
import { openSockets } from '../../../descriptors.ts';
import { createLab, inside, probeLab, type Lab } from '../../../lab/index.ts';
import { testUnless } from '../../../test-unless.ts';
import { until } from '../../../until.ts';

const labTest = testUnless(probeLab());

async function pair(t: ExecutionContext): Promise<Lab> {
  return createLab(t, { hosts: { a: ['10.77.0.1', 'fd77::1'], b: ['10.77.0.2', 'fd77::2'] } });
}

function netlinkOf(t: ExecutionContext, lab: Lab, host: string): Netlink {
  const netlink = inside(lab, host, () => Netlink.open());
  t.teardown(() => netlink.close());
  return netlink;
}

labTest('a host’s interfaces, addresses and routes are those that ip(8) made', async (t) => {
  const lab = await pair(t);
  const netlink = netlinkOf(t, lab, 'a');
  const interfaces = netlink.interfaces();
  const eth0 = interfaces.find(({ name }) => name === 'eth0')!;
  const mac = (await lab.exec('a', ['cat', '/sys/class/net/eth0/address'])).stdout.trim();
  t.like(eth0, { mac, mtu: 1_500, loopback: false, up: true, carrier: true, resolves: true, kind: 'veth' });
  t.like(
    interfaces.find(({ name }) => name === 'lo'),
    { index: 1, loopback: true, up: true, kind: undefined },
  );
  const held = netlink
    .addresses()
    .map(({ ifindex, address, prefixLength }) => [ifindex, address, prefixLength]);
  t.true(held.some((row) => String(row) === `${eth0.index},10.77.0.1,16`));
  t.true(held.some((row) => String(row) === `${eth0.index},fd77::1,64`));
  t.deepEqual(netlink.route('10.77.0.2'), {
    kind: 'unicast',
    ifindex: eth0.index,
    gateway: undefined,
    source: '10.77.0.1',
    mtu: undefined,
  });
  t.like(netlink.route('fd77::2'), { kind: 'unicast', ifindex: eth0.index, source: 'fd77::1' });
  t.is(netlink.route('10.77.0.1').kind, 'local');
  t.like(
    t.throws(() => netlink.route('192.0.2.1')),
    { code: 'HEADGATE_NETLINK_REFUSED', facts: { errno: 101, code: 'ENETUNREACH', explanation: undefined } },
  );
  await lab.exec('a', ['ip', 'route', 'add', '192.0.2.0/24', 'via', '10.77.0.2', 'mtu', '1400']);
  t.like(netlink.route('192.0.2.1'), { gateway: '10.77.0.2', mtu: 1_400 });
});

labTest(
  'an address is added once and removed once, with the kernel’s own words when it refuses',
  async (t) => {
    const lab = await pair(t);
    const netlink = netlinkOf(t, lab, 'a');
    for (const address of [
      { ifindex: 1, address: '203.0.113.10', prefixLength: 32 },
      { ifindex: 1, address: '2001:db8::10', prefixLength: 128 },
    ]) {
      t.deepEqual([netlink.addAddress(address), netlink.addAddress(address)], [true, false]);
      t.true(netlink.addresses().some((held) => held.address === address.address));
      t.deepEqual([netlink.removeAddress(address), netlink.removeAddress(address)], [true, false]);
      t.false(netlink.addresses().some((held) => held.address === address.address));
    }
    const wrong = { ifindex: 1, address: '203.0.113.10', prefixLength: 77 };
    const error = t.throws(() => netlink.addAddress(wrong));
    t.like(error, { code: 'HEADGATE_NETLINK_REFUSED', facts: { code: 'EINVAL' } });
    t.regex(error.message, /add 203.0.113.10\/77 of interface 1: .*prefix/i);
  },
);

labTest('changes of neighbours, interfaces, addresses and routes are told as they happen', async (t) => {
  const lab = await pair(t);
  const netlink = netlinkOf(t, lab, 'a');
  const events: NetlinkEvent[] = [];
  const watch = inside(
    lab,
    'a',
    () =>
      new NetlinkWatch(['interface', 'address', 'neighbour', 'route'], (event) => void events.push(event)),
  );
  t.teardown(() => watch.close());
  const { index } = netlink.interfaces().find(({ name }) => name === 'eth0')!;
  const told = (what: string, matches: (event: NetlinkEvent) => boolean) =>
    until(() => events.some(matches), what);

  netlink.resolveNeighbour(index, '10.77.0.2');
  netlink.resolveNeighbour(index, 'fd77::2');
  for (const address of ['10.77.0.2', 'fd77::2']) {
    await told(`the MAC address of ${address}`, (event) => {
      if (event.kind !== 'neighbour' || event.neighbour.address !== address) return false;
      return event.neighbour.mac !== undefined && event.neighbour.state === 'reachable';
    });
    t.truthy(netlink.neighbours().find((neighbour) => neighbour.address === address)?.mac);
  }
  netlink.addAddress({ ifindex: 1, address: '203.0.113.10', prefixLength: 32 });
  netlink.removeAddress({ ifindex: 1, address: '203.0.113.10', prefixLength: 32 });
  for (const gone of [false, true]) {
    await told(
      'the address',
      (event) => event.kind === 'address' && event.gone === gone && event.address.address === '203.0.113.10',
    );
  }
  await lab.exec('a', ['ip', 'route', 'add', '192.0.2.0/24', 'via', '10.77.0.2']);
  await told('the route', ({ kind }) => kind === 'route');
  await lab.unplug('a');
  await told('the cable', (event) => event.kind === 'interface' && !event.interface.carrier);
});

labTest(
  'the next hop of a balancer is found without a packet to it, and follows it to a new MAC address',
  async (t) => {
    const lab = await pair(t);
    const sockets = openSockets();
    const changes: string[] = [];
    const hops = inside(
      lab,
      'a',
      () =>
        new NextHops({
          source: systemNextHopSource(),
          clock: systemClock,
          askEveryMs: 100,
          onChange: (address, hop) => void changes.push(`${address} ${hop?.mac ?? ''}`),
          onTrouble: (error) => t.fail(String(error)),
        }),
    );
    t.teardown(() => hops.close());
    await lab.exec('a', ['ip', 'route', 'add', '192.0.2.0/24', 'via', '10.77.0.2']);
    hops.set(['10.77.0.2', 'fd77::2', '192.0.2.1', '198.51.100.1', '10.77.0.1']);
    const macOf = async () => (await lab.exec('b', ['cat', '/sys/class/net/eth0/address'])).stdout.trim();
    const first = await macOf();
    for (const address of ['10.77.0.2', 'fd77::2', '192.0.2.1'])
      await until(() => hops.get(address)?.mac === first, `the next hop of ${address}`);
    t.like(hops.get('192.0.2.1'), { via: '10.77.0.2', direct: false, mtu: 1_500 });
    t.is(hops.get('198.51.100.1'), undefined);
    t.true(hops.get('10.77.0.1')?.local);

    await lab.exec('b', ['ip', 'link', 'set', 'eth0', 'down']);
    await lab.exec('b', ['ip', 'link', 'set', 'eth0', 'address', '02:00:00:00:00:99']);
    t.is(hops.get('10.77.0.2')?.mac, first);
    await lab.exec('b', ['ip', 'link', 'set', 'eth0', 'up']);
    const other = netlinkOf(t, lab, 'b');
    const { index } = other.interfaces().find(({ name }) => name === 'eth0')!;
    other.resolveNeighbour(index, '10.77.0.1');
    await until(() => hops.get('192.0.2.1')?.mac === '02:00:00:00:00:99', 'the new MAC address');
    t.true(changes.includes('192.0.2.1 02:00:00:00:00:99'));
    other.close();
    hops.close();
    t.is(openSockets(), sockets);
  },
);
