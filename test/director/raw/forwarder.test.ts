import test from 'ava';
import { Bindings } from '../../../director/raw/bindings.ts';
import { Flows, type FlowCapacity } from '../../../director/raw/flows.ts';
import { Forwarder } from '../../../director/raw/forwarder.ts';
import { outlived, reclaimable } from '../../../director/raw/housekeeping.ts';
import { Worlds, type RawMode } from '../../../director/raw/world.ts';
import {
  buildPacket,
  decapsulate,
  formatIp,
  ipBytes,
  parseIp,
  TcpFlag,
  type TcpFields,
} from '../../../lib/packet/index.ts';
import { balancer, service, table, topology, type TableState } from '../fixtures.ts';

const vip = '203.0.113.10';
const own = '10.0.0.1';
const hosts = ['10.0.1.1', '10.0.1.2'];
const { Syn, Ack, Fin, Rst } = TcpFlag;

interface Options {
  readonly mode?: RawMode;
  readonly ports?: number;
  readonly capacity?: FlowCapacity;
  readonly refuseWhenFull?: boolean;
  readonly balancers?: readonly string[];
}

/** A forwarder without sockets, and what it sent, in words. */
function scene({ mode = 'fullnat', ports = 100, refuseWhenFull = false, ...rest }: Options = {}) {
  const capacity = rest.capacity ?? { confirmed: 100, unconfirmed: 100 };
  let next = 24_000;
  const flows: Flows = new Flows(capacity, (key) => bindings.release(key, 0));
  const bindings: Bindings = new Bindings({
    grow: () => (next < 24_000 + ports ? next++ : undefined),
    restTicks: 0x7fff_ffff,
    onEvict: ({ key }) => void flows.remove(key),
  });
  const ground = { own4: ipBytes(own), own6: undefined, mtu: 1_500 };
  const worlds = new Worlds(ground, flows);
  const sent: Uint8Array[] = [];
  const forwarder = new Forwarder({
    ground,
    flows,
    bindings,
    ports: { first: 24_000, last: 31_999 },
    send: (packet, to) => {
      const { ip } = parseIp(packet);
      if (formatIp(ip!.destination) !== formatIp(to)) throw new Error('sent to somebody else');
      sent.push(packet);
    },
    refuseWhenFull,
  });
  const nodes = (rest.balancers ?? hosts).map((host, index) => balancer(`b${index + 1}`, { host }));
  const apply = (
    state: TableState = {},
    services = [service('chat', { listen: { host: vip, port: 9000 } })],
    names = nodes.map(({ name }) => name),
    as = mode,
  ) => {
    const present = nodes.filter(({ name }) => names.includes(name));
    const world = worlds.next(table(topology(present, services), state), () => as);
    forwarder.setWorld(world);
    return world;
  };
  apply();
  const take = (source: string, destination: string, tcp: TcpFields, payload = '', tick = 1): string[] => {
    sent.length = 0;
    forwarder.take(buildPacket({ ip: { source, destination }, tcp, payload: Buffer.from(payload) }), tick);
    return sent.map(words);
  };
  const fromClient = (port: number, flags: number, sequence: number, acknowledgment = 0, payload = '') =>
    take(
      '198.51.100.7',
      vip,
      { sourcePort: port, destinationPort: 9000, flags, sequence, acknowledgment },
      payload,
    );
  const fromServer = (
    host: string,
    port: number,
    flags: number,
    sequence: number,
    acknowledgment = 0,
    payload = '',
  ) => take(host, own, { sourcePort: 9000, destinationPort: port, flags, sequence, acknowledgment }, payload);
  /** A connection through its handshake; where it went. */
  const connect = (port: number): { readonly host: string; readonly port: number } => {
    const [line = ''] = fromClient(port, Syn, 999);
    const match = /^10\.0\.0\.1:(\d+) > ([\d.]+):9000/.exec(line);
    if (match === null) throw new Error(`${line} is no SYN to a balancer`);
    const [, ours = '', host = ''] = match;
    fromServer(host, Number(ours), Syn | Ack, 4_999, 1_000);
    fromClient(port, Ack, 1_000, 5_000);
    return { host, port: Number(ours) };
  };
  return { flows, bindings, forwarder, sent, apply, take, fromClient, fromServer, connect };
}

function words(packet: Uint8Array): string {
  const { ip, transport, malformed } = parseIp(packet);
  if (malformed !== undefined || ip === undefined || transport?.kind !== 'tcp') return 'not TCP';
  const { sourcePort, destinationPort, sequence, acknowledgment, payloadOffset, payloadEnd } = transport;
  const flags = Object.entries(TcpFlag).flatMap(([name, bit]) =>
    (transport.flags & bit) === 0 ? [] : [name.toUpperCase()],
  );
  const text = Buffer.from(packet.subarray(payloadOffset, payloadEnd)).toString();
  const ends = `${formatIp(ip.source)}:${sourcePort} > ${formatIp(ip.destination)}:${destinationPort}`;
  return `${ends} ${flags.join(',')} ${sequence} ${acknowledgment}${text === '' ? '' : ` ${text}`}`;
}

test('fullnat: both directions pass with other ends, and the same numbers and bytes', (t) => {
  const { connect, fromClient, fromServer, flows } = scene();
  const { host, port } = connect(1_234);
  t.deepEqual(fromClient(1_234, Ack, 1_000, 5_000, 'hello'), [
    `${own}:${port} > ${host}:9000 ACK 1000 5000 hello`,
  ]);
  t.deepEqual(fromServer(host, port, Ack, 5_000, 1_005, 'world'), [
    `${vip}:9000 > 198.51.100.7:1234 ACK 5000 1005 world`,
  ]);
  t.deepEqual([flows.confirmed.size, flows.unconfirmed.size, flows.live], [1, 0, 1]);
});

test('a flow is held when its client has acknowledged what the balancer sent, not before and not by a guess', (t) => {
  const { fromClient, fromServer, flows } = scene();
  fromClient(1_234, Syn, 999);
  fromClient(1_234, Ack, 1_000, 5_000);
  t.is(flows.confirmed.size, 0);
  fromServer(hosts[0]!, 24_000, Syn | Ack, 4_999, 1_000);
  fromServer(hosts[1]!, 24_000, Syn | Ack, 4_999, 1_000);
  for (const guess of [4_999, 5_001, 0]) fromClient(1_234, Ack, 1_000, guess);
  t.is(flows.confirmed.size, 0);
  fromClient(1_234, Ack, 1_000, 5_000);
  t.is(flows.confirmed.size, 1);
});

test('a half-closed flow stays held; when both have sent FIN it becomes evictable, and its client may begin anew', (t) => {
  const { connect, fromClient, fromServer, flows, forwarder } = scene();
  const { host, port } = connect(1_234);
  fromClient(1_234, Fin | Ack, 1_000, 5_000);
  t.is(flows.confirmed.size, 1);
  t.deepEqual(fromServer(host, port, Ack, 5_000, 1_001, 'more').length, 1);
  fromServer(host, port, Fin | Ack, 5_004, 1_001);
  t.deepEqual([flows.confirmed.size, flows.unconfirmed.size, flows.live], [0, 1, 0]);
  t.deepEqual(
    fromClient(1_234, Ack, 1_001, 5_005),
    [`${own}:${port} > ${host}:9000 ACK 1001 5005`],
    'stragglers pass',
  );
  t.is(flows.confirmed.size, 0, 'and bring nothing back');
  const [again = ''] = fromClient(1_234, Syn, 77_777);
  t.regex(again, /SYN 77777/);
  t.is(forwarder.count('forwardNew'), 2);
});

test('a FIN with more than 1 MiB before it on the way is believed when the balancer has it', (t) => {
  const { connect, fromClient, fromServer, flows, bindings } = scene();
  const { host, port } = connect(1_234);
  const end = 1_000 + 2 * 1_048_576;
  fromClient(1_234, Fin | Ack, end, 5_000);
  fromServer(host, port, Fin | Ack, 5_000, end);
  t.is(flows.confirmed.size, 1, 'it may be forged');
  fromServer(host, port, Ack, 5_001, end + 1);
  t.is(flows.live, 0);
  t.false(bindings.answer({ address: ipBytes(host), port: 9000 }, port)!.held);
});

test('the RST of a balancer ends a flow, that of a client only where its number fits', (t) => {
  const { connect, fromClient, fromServer, flows } = scene();
  const one = connect(1);
  fromServer(one.host, one.port, Rst, 5_000);
  t.is(flows.confirmed.size, 0);
  connect(2);
  fromClient(2, Rst, 1_000 + 2 ** 30);
  t.is(flows.confirmed.size, 1);
  fromClient(2, Rst, 1_000);
  t.is(flows.confirmed.size, 0);
});

test('packets of unknown flows are answered with RST, to clients and balancers but to nobody else', (t) => {
  const { fromClient, fromServer, take, forwarder } = scene();
  t.deepEqual(fromClient(1, Ack, 10, 20, 'x'), [`${vip}:9000 > 198.51.100.7:1 RST 20 0`]);
  t.deepEqual(fromClient(1, Rst, 10), []);
  t.deepEqual(fromServer(hosts[0]!, 24_000, Ack, 10, 20), [`${own}:24000 > ${hosts[0]}:9000 RST 20 0`]);
  t.deepEqual(fromServer('192.0.2.66', 24_000, Ack, 10, 20), []);
  t.deepEqual(take('198.51.100.7', own, { sourcePort: 1, destinationPort: 22 }), []);
  t.deepEqual(
    (['resetStray', 'resetUnknown', 'dropForeign', 'passOther'] as const).map((name) =>
      forwarder.count(name),
    ),
    [2, 1, 1, 1],
  );
});

test('a wrong checksum is not made right', (t) => {
  const { connect, forwarder, sent } = scene();
  connect(1);
  const packet = buildPacket({
    ip: { source: '198.51.100.7', destination: vip },
    tcp: { sourcePort: 1, destinationPort: 9000, flags: Ack, sequence: 1_000, acknowledgment: 5_000 },
    payload: Buffer.from('hello'),
  });
  packet[packet.length - 1]! ^= 1;
  sent.length = 0;
  forwarder.take(packet, 1);
  t.deepEqual([sent.length, forwarder.count('dropChecksum')], [0, 1]);
  forwarder.take(packet.subarray(0, 30), 1);
  t.is(forwarder.count('dropMalformed'), 1);
});

test('super-packets are cut to the MTU and to what the other side takes', (t) => {
  const { take, fromClient, sent } = scene();
  const mss = { kind: 2, data: Uint8Array.of(0x03, 0xe8) };
  take('198.51.100.7', vip, {
    sourcePort: 1,
    destinationPort: 9000,
    flags: Syn,
    sequence: 999,
    options: [mss],
  });
  const { ip, transport } = parseIp(sent[0]!);
  if (transport?.kind !== 'tcp') throw new Error('no SYN');
  const host = formatIp(ip!.destination);
  const port = transport.sourcePort;
  take(host, own, {
    sourcePort: 9000,
    destinationPort: port,
    flags: Syn | Ack,
    sequence: 4_999,
    acknowledgment: 1_000,
    options: [{ kind: 2, data: Uint8Array.of(0xff, 0xff) }],
  });
  const big = 'x'.repeat(40_000);
  fromClient(1, Ack, 1_000, 5_000, big);
  t.is(Math.max(...sent.map(({ length }) => length)), 1_500);
  take(
    host,
    own,
    { sourcePort: 9000, destinationPort: port, flags: Ack, sequence: 5_000, acknowledgment: 41_000 },
    big,
  );
  t.is(Math.max(...sent.map(({ length }) => length)), 1_040, 'the client takes 1,000 bytes');
  t.is(sent.length, 40);
});

test('a flood of SYNs takes neither the ports nor the place of held flows, and nothing grows', (t) => {
  const { connect, fromClient, flows, bindings, forwarder } = scene({
    ports: 20,
    capacity: { confirmed: 5, unconfirmed: 30 },
  });
  for (let port = 1; port <= 5; port++) connect(port);
  t.is(flows.confirmed.size, 5);
  for (let port = 10_000; port < 12_000; port++) fromClient(port, Syn, 1);
  t.is(flows.confirmed.size, 5);
  t.true(flows.unconfirmed.size <= 30 && bindings.size <= 40);
  t.is(bindings.size, flows.confirmed.size + flows.unconfirmed.size);
  for (let port = 1; port <= 5; port++) t.is(fromClient(port, Ack, 1_000, 5_000, 'hello').length, 1);
  t.is(forwarder.count('refusedPorts'), 0);
});

test('without a free port a SYN is refused with RST, and so it is at capacity when that is the rule', (t) => {
  const ports = scene({ ports: 1, balancers: [hosts[0]!] });
  ports.connect(1);
  t.deepEqual(ports.fromClient(2, Syn, 9), [`${vip}:9000 > 198.51.100.7:2 RST,ACK 0 10`]);
  t.is(ports.forwarder.count('refusedPorts'), 1);
  const full = scene({ capacity: { confirmed: 1, unconfirmed: 10 }, refuseWhenFull: true });
  full.connect(1);
  t.regex(full.fromClient(2, Syn, 9)[0] ?? '', /RST/);
  t.is(full.forwarder.count('refusedFull'), 1);
  const open = scene({ capacity: { confirmed: 1, unconfirmed: 10 } });
  open.connect(1);
  open.connect(2);
  t.deepEqual([open.flows.live, open.forwarder.count('confirmFull')], [2, 1]);
});

test('a flow of a dead balancer is answered with RST and the next SYN of its client goes elsewhere; one that is only down keeps what it has', (t) => {
  const { connect, fromClient, apply } = scene();
  const { host, port } = connect(1);
  const id = host === hosts[0] ? 'b1@10.0.1.1' : 'b2@10.0.1.2';
  const other = hosts.find((one) => one !== host)!;
  apply({ health: { [id]: { state: 'down' } } });
  t.deepEqual(fromClient(1, Ack, 1_000, 5_000), [`${own}:${port} > ${host}:9000 ACK 1000 5000`]);
  apply({ health: { [id]: { state: 'down', dead: true } } });
  t.deepEqual(fromClient(1, Ack, 1_000, 5_000), [`${vip}:9000 > 198.51.100.7:1 RST 5000 0`]);
  t.regex(fromClient(1, Syn, 7)[0] ?? '', new RegExp(`> ${other}:9000 SYN 7`));
});

test('a service that left the table keeps its flows and gets no new ones', (t) => {
  const { connect, fromClient, apply } = scene();
  const { host, port } = connect(1);
  apply({ removed: ['b1@10.0.1.1', 'b2@10.0.1.2'] }, []);
  t.deepEqual(fromClient(1, Ack, 1_000, 5_000), [`${own}:${port} > ${host}:9000 ACK 1000 5000`]);
  t.regex(fromClient(2, Syn, 7)[0] ?? '', /RST/);
});

test('a service that gets another name keeps its flows', (t) => {
  const { connect, fromClient, apply } = scene();
  const { host, port } = connect(1_234);
  const world = apply({}, [service('talk', { listen: { host: vip, port: 9000 } })]);
  t.deepEqual(fromClient(1_234, Ack, 1_000, 5_000, 'hello'), [
    `${own}:${port} > ${host}:9000 ACK 1000 5000 hello`,
  ]);
  t.deepEqual(
    [...world.byIndex.values()].map(({ name }) => name),
    ['talk'],
  );
});

test('a handshake under way with a balancer that is removed comes to its end, and then its index is free', (t) => {
  const { fromClient, fromServer, apply, flows } = scene();
  const [line = ''] = fromClient(1_234, Syn, 999);
  const host = hosts.find((one) => line.includes(one))!;
  const [gone, other] = host === hosts[0] ? ['b1', 'b2'] : ['b2', 'b1'];
  apply({ removed: [`${gone}@${host}`] }, undefined, [other]);
  apply({}, undefined, [other]);
  fromServer(host, 24_000, Syn | Ack, 4_999, 1_000);
  t.deepEqual(fromClient(1_234, Ack, 1_000, 5_000), [`${own}:24000 > ${host}:9000 ACK 1000 5000`]);
  fromServer(host, 24_000, Rst, 5_000);
  for (const key of flows.unconfirmed.keys()) flows.remove(key);
  t.deepEqual([...apply({}, undefined, [other]).balancers.values()].length, 1);
});

test('tun: packets travel inside others, cut so that they fit, and nothing seen here confirms', (t) => {
  const { fromClient, sent, flows } = scene({ mode: 'tun' });
  fromClient(1, Syn, 999);
  const inner = decapsulate(sent[0]!);
  if (inner.kind !== 'inner') throw new Error('no tunnel');
  t.is(words(inner.packet), `198.51.100.7:1 > ${vip}:9000 SYN 999 0`);
  t.is(formatIp(parseIp(sent[0]!).ip!.source), own);
  fromClient(1, Ack, 1_000, 5_000, 'x'.repeat(5_000));
  t.true(sent.length >= 4);
  t.true(sent.every(({ length }) => length <= 1_500));
  t.deepEqual([flows.confirmed.size, flows.live], [0, 1]);
});

test("tun: what is late of a client's earlier flow in fullnat does not touch the present one", (t) => {
  const { connect, fromClient, fromServer, apply, flows } = scene();
  const { host, port } = connect(1_234);
  fromClient(1_234, Fin | Ack, 1_000, 5_000);
  fromServer(host, port, Fin | Ack, 5_000, 1_001);
  apply({}, undefined, undefined, 'tun');
  fromClient(1_234, Syn, 70_000);
  fromClient(1_234, Ack, 70_001, 90_000);
  const [key] = [...flows.unconfirmed.keys()];
  t.true(flows.confirm(key!));
  // The last ACK of the earlier one was lost.
  fromServer(host, port, Fin | Ack, 5_000, 1_001);
  t.is(flows.confirmed.size, 1);
});

test('what has ended or never opened goes after its time; confirmed flows only when the table is nearly full and they are silent', (t) => {
  const { connect, fromClient, fromServer, flows, bindings } = scene({
    capacity: { confirmed: 4, unconfirmed: 10 },
  });
  const { host, port } = connect(1);
  fromServer(host, port, Rst, 5_000);
  fromClient(2, Syn, 1);
  t.is(outlived(flows, bindings, 50, 100).length, 0);
  t.is(outlived(flows, bindings, 200, 100).length, 2);
  for (let client = 10; client < 13; client++) connect(client);
  t.deepEqual(reclaimable(flows, bindings, 4, 1_000, 100), []);
  connect(13);
  t.is(reclaimable(flows, bindings, 4, 1_000, 100).length, 1);
  t.deepEqual(reclaimable(flows, bindings, 4, 50, 100), []);
});
