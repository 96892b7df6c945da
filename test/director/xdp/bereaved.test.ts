import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { BpfMap, bpfAvailable, mountBpffs, unmountBpffs } from '../../../lib/linux/bpf/index.ts';
import { ipBytes } from '../../../lib/packet/index.ts';
import { whyNoRawSockets } from '../../../lib/raw-socket/index.ts';
import { flowKey, FlowState, type FlowEntry } from '../../../director/forward/index.ts';
import { encodeFlow, flowsInMaps, mapSpecs, type MapFlow } from '../../../director/xdp/index.ts';
import { createLab, probeLab, type Lab } from '../../lab/index.ts';
import { kernelTest } from '../../lib/linux/bpf/kernel-test.ts';
import { ownNamespaces, temporaryDirectory } from '../../lib/linux/bpf/own-namespaces.ts';
import { until } from '../../until.ts';
import { testUnless } from '../../test-unless.ts';
import { client4, client6, entry, tableSize, vip4, vip6 } from '../forward/world.ts';

const capacity = { services: 4, balancers: 8, flows: 10_000, unconfirmedFlows: 64, tableSize };

function withMaps(use: (maps: { readonly flows: BpfMap; readonly flows_new: BpfMap }) => void): void {
  const specs = mapSpecs(capacity);
  const flows = BpfMap.create('flows', specs.flows);
  const flowsNew = BpfMap.create('flows_new', specs.flows_new);
  try {
    use({ flows, flows_new: flowsNew });
  } finally {
    flows.close();
    flowsNew.close();
  }
}

const vipOf = (service: number) =>
  [{ host: vip4, port: 9000 }, undefined, { host: vip6, port: 9001 }][service];

function put(map: BpfMap, client: string, port: number, service: number, fields: Partial<FlowEntry>): void {
  map.update(flowKey(ipBytes(client), port, service), encodeFlow(entry(fields)));
}

kernelTest('a walk finds the confirmed and the evictable flows of one owner, in slices', (t) => {
  withMaps((maps) => {
    for (let port = 1; port <= 9_000; port++) put(maps.flows, client4, port, 0, { balancer: port % 2 });
    put(maps.flows, client4, 9_999, 0, { balancer: 1, generation: 2 });
    put(maps.flows_new, client6, 10_077, 2, { balancer: 1 });
    const source = flowsInMaps({ maps }, vipOf);
    const found: MapFlow[] = [];
    const slices = source.walk(({ index, generation }) => index === 1 && generation === 1);
    for (let slice = slices.next(); slice.done !== true; slice = slices.next()) {
      t.true(slice.value.length <= 4_096);
      found.push(...slice.value);
    }
    t.is(found.length, 4_501);
    const ports = found.map((flow) => source.read(flow)!.bereft!.client.port);
    t.is(new Set(ports).size, 4_501);
    t.true(source.remove(found[0]!));
    t.false(source.remove(found[0]!));
    t.is(source.read(found[0]!), undefined);
  });
});

kernelTest('a flow is read with the addresses of its packets; one that is opening is left alone', (t) => {
  withMaps((maps) => {
    put(maps.flows, client4, 1, 0, { balancer: 3, generation: 4, lastAck: 99 });
    put(maps.flows, client6, 2, 2, { state: FlowState.Closing });
    put(maps.flows_new, client4, 3, 0, { state: FlowState.Opening });
    put(maps.flows, client4, 5, 0, { state: FlowState.Opening });
    put(maps.flows, client4, 4, 1, {});
    const source = flowsInMaps({ maps }, vipOf);
    const read = (client: string, port: number, service: number, map = maps.flows) =>
      source.read({ map, key: flowKey(ipBytes(client), port, service) });
    t.deepEqual(read(client4, 1, 0), {
      owner: { index: 3, generation: 4 },
      bereft: {
        vip: { address: ipBytes(vip4), port: 9000 },
        client: { address: ipBytes(client4), port: 1 },
        lastAck: 99,
      },
    });
    t.deepEqual(read(client6, 2, 2)?.bereft?.client, { address: ipBytes(client6), port: 2 });
    t.is(read(client4, 3, 0, maps.flows_new), undefined);
    t.is(read(client4, 5, 0)?.bereft?.client.port, 5, 'a forged SYN does not hide a connection');
    t.deepEqual(read(client4, 4, 1), { owner: { index: 1, generation: 1 }, bereft: undefined });
  });
});

const available = bpfAvailable();
const labTest = testUnless(available.available ? (whyNoRawSockets() ?? probeLab()) : available.reason);
const script = (name: string) => [process.execPath, fileURLToPath(new URL(`${name}.js`, import.meta.url))];
const vip = '10.77.0.100';

function bpffs(t: ExecutionContext): string {
  const answer = ownNamespaces();
  if (!answer.available) throw new Error(answer.reason);
  const root = temporaryDirectory();
  mountBpffs(root);
  t.teardown(() => {
    unmountBpffs(root);
    rmSync(dirname(root), { recursive: true });
  });
  return join(root, 'd1');
}

async function prepareBalancer(lab: Lab, host: string): Promise<string> {
  await lab.sysctl(host, 'net.ipv4.conf.all.arp_ignore', '1');
  await lab.sysctl(host, 'net.ipv4.conf.all.arp_announce', '2');
  await lab.exec(host, ['ip', 'address', 'add', `${vip}/32`, 'dev', 'lo']);
  const server = await lab.spawn(host, [...script('lab-server'), host]);
  await server.line(/listening/);
  return (await lab.exec(host, ['cat', '/sys/class/net/eth0/address'])).stdout.trim();
}

labTest(
  'idle clients of a balancer that vanished get RST, also the one whose last ACK is not known; those of others notice nothing',
  async (t) => {
    const directory = bpffs(t);
    const lab = await createLab(t, {
      hosts: { client: ['10.77.0.10'], d1: ['10.77.0.1', vip], b1: ['10.77.1.1'], b2: ['10.77.1.2'] },
    });
    const macs = JSON.stringify([await prepareBalancer(lab, 'b1'), await prepareBalancer(lab, 'b2')]);
    const director = await lab.spawn('d1', [...script('lab-director'), directory, macs, '[1,2]', '[]']);
    await director.line(/made/);
    const clients = await lab.spawn('client', [...script('lab-idle-clients'), '40']);
    const opened = (await clients.line(/^opened/)).text;
    const bereft = opened.split(' ').filter((name) => name === 'b1').length;
    t.true(bereft > 2 && bereft < 40);

    await lab.cutOff('b1');
    const bereaved = await lab.spawn('d1', [...script('lab-bereaved'), directory, '1']);
    const told = (await bereaved.line(/^told/)).text;
    const stats = JSON.parse(told.slice(5)) as Record<string, number>;
    t.is(stats['bereavedUnsent'], 0);
    t.is(stats['bereavedRemoved'], bereft);
    t.is(stats['bereavedNudges'], 2);
    t.is(stats['bereavedResets'], 2 * (bereft - 1));
    const endings = () => clients.lines.map(({ text }) => text).filter((text) => text.startsWith('ended'));
    await until(() => endings().length === bereft, 'the idle clients of b1 to be told');
    t.deepEqual(endings(), Array<string>(bereft).fill('ended b1 ECONNRESET'));
  },
);
