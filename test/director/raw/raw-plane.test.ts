import { pino } from 'pino';
import test, { type ExecutionContext } from 'ava';
import { RawPlane, rawLack, whyNotRaw, type RawPlaneOptions } from '../../../director/raw/index.ts';
import { isHeadgateError } from '../../../lib/errors/index.ts';
import type { FlowReport } from '../../../lib/flow-report/index.ts';
import { IPPROTO_RAW } from '../../../lib/linux/index.ts';
import { buildPacket, ipBytes, TcpFlag } from '../../../lib/packet/index.ts';
import { openRawSocket } from '../../../lib/raw-socket/index.ts';
import { ManualClock } from '../../manual-clock.ts';
import { ip, ownNamespaces } from '../../lib/linux/bpf/own-namespaces.ts';
import { testUnless } from '../../test-unless.ts';
import { until } from '../../until.ts';
import { balancer, collectingLog, service, table, topology } from '../fixtures.ts';

const missing = whyNotRaw() ?? (process.getuid?.() === 0 ? undefined : 'network namespaces need root');
const namespaces = missing === undefined ? ownNamespaces() : undefined;
const planeTest = testUnless(missing ?? (namespaces?.available === false ? namespaces.reason : undefined));
if (namespaces?.available === true) ip('link set lo up');

const vip = '127.0.0.10';
const client = '127.0.0.99';
const chat = service('chat', { listen: { host: vip, port: 9000 } });
const nodes = [balancer('b1', { host: '127.0.1.1' }), balancer('b2', { host: '127.0.1.2' })];

function open(t: ExecutionContext, options: Partial<RawPlaneOptions> = {}) {
  const clock = new ManualClock();
  const plane = new RawPlane({
    hosts: ['127.0.0.1'],
    clock,
    random: () => 0.5,
    log: pino({ level: 'silent' }),
    modeOf: () => 'tun',
    capacity: { confirmed: 10, unconfirmed: 10 },
    ...options,
  });
  t.teardown(() => plane.close());
  const sender = openRawSocket({ family: 4, protocol: IPPROTO_RAW, headerIncluded: true });
  t.teardown(() => sender.close());
  const say = (port: number, flags: number) => {
    const tcp = { sourcePort: port, destinationPort: 9000, flags, sequence: 1, acknowledgment: 5 };
    sender.send(buildPacket({ ip: { source: client, destination: vip }, tcp }), vip);
  };
  return { clock, plane, say };
}

planeTest('the capacity is said, with the ports and balancers it comes from', async (t) => {
  const { log, lines } = collectingLog();
  const { plane } = open(t, {
    log,
    modeOf: () => 'fullnat',
    ports: { first: 24_000, last: 24_099 },
    capacity: { confirmed: 1_000, unconfirmed: 10 },
  });
  await plane.apply(table(topology(nodes, [chat])));
  t.is(plane.stats().limit, 200);
  t.regex(String(lines[0]?.['msg']), /at most 200 connections \(source ports 24000 to 24099/);
});

planeTest(
  'in tun the word of the balancer confirms flows and ends them; draining waits for the last one',
  async (t) => {
    const { clock, plane, say } = open(t);
    await plane.apply(table(topology(nodes, [chat])));
    say(1, TcpFlag.Syn);
    say(1, TcpFlag.Ack);
    await until(() => plane.stats().total.connections === 1, 'the flow');
    const found = plane.find('chat', { host: client, port: 1 })!;
    t.deepEqual([found.mode, found.state, found.confirmed], ['tun', 'established', false]);
    t.deepEqual(plane.flows(10), [{ service: 'chat', client: `${client}:1`, balancer: found.balancer }]);
    const word = { service: `${vip}:9000`, confirmed: [], disowned: [], listing: 'none' } as const;
    const report = (balancer: string, change: Partial<FlowReport>) =>
      plane.report(balancer, { ...word, balancer, ...change });
    const clients = [{ address: ipBytes(client), port: 1 }];
    const other = found.balancer.startsWith('b1') ? 'b2@127.0.1.2' : 'b1@127.0.1.1';
    report(other, { confirmed: clients });
    t.false(plane.find('chat', { host: client, port: 1 })!.confirmed, 'another one has nothing to say');
    report(found.balancer, { confirmed: clients });
    t.true(plane.find('chat', { host: client, port: 1 })!.confirmed);
    t.deepEqual(plane.stats().balancers, { [found.balancer]: 1 });

    let drained = false;
    const draining = plane.drain().then(() => (drained = true));
    say(2, TcpFlag.Syn);
    await until(() => plane.stats().refusedFull === 1, 'the new one to be refused');
    clock.advance(2_000);
    t.false(drained);
    report(found.balancer, { disowned: clients });
    t.is(plane.find('chat', { host: client, port: 1 }), undefined);
    clock.advance(2_000);
    await draining;
  },
);

planeTest(
  'a VIP that is not on this machine, and a balancer of another family, are told; all else is applied',
  async (t) => {
    const { plane, say } = open(t);
    const elsewhere = service('other', {
      listen: { host: '192.0.2.1', port: 9000 },
      balancers: ['b1', 'b2'],
    });
    const away = await t.throwsAsync(plane.apply(table(topology(nodes, [chat, elsewhere]))));
    t.true(isHeadgateError(away, 'HEADGATE_DIRECTOR_APPLY'));
    t.true(isHeadgateError(away.cause, 'HEADGATE_LINUX_SYSCALL'));
    say(1, TcpFlag.Syn);
    await until(() => plane.stats().services['chat']?.accepted === 1, 'the SYN to be forwarded');
    const strange = [balancer('b1', { host: 'fd00::1' })];
    const family = await t.throwsAsync(plane.apply(table(topology(strange, [chat]))));
    t.true(isHeadgateError(family.cause, 'HEADGATE_RAW_FAMILY'));
    say(2, TcpFlag.Syn);
    await until(() => plane.stats().services['chat']?.refusedNoBalancer === 1, 'the SYN to be refused');
  },
);

planeTest('in tun a full listing restores what it names and disowns the rest of its balancer', async (t) => {
  const { plane } = open(t);
  await plane.apply(table(topology(nodes, [chat])));
  const word = { service: `${vip}:9000`, disowned: [], confirmed: [] };
  const report = (balancer: string, change: Pick<FlowReport, 'listing'> & Partial<FlowReport>) =>
    plane.report(balancer, { ...word, balancer, ...change });
  const clients = (...ports: number[]) => ports.map((port) => ({ address: ipBytes(client), port }));
  const owners = () => plane.flows(10).map((flow) => `${flow.client} ${flow.balancer.slice(0, 2)}`);
  report('b1@127.0.1.1', { listing: 'none', confirmed: clients(1, 2) });
  report('b2@127.0.1.2', { listing: 'none', confirmed: clients(3) });
  t.deepEqual(owners(), [`${client}:1 b1`, `${client}:2 b1`, `${client}:3 b2`]);
  report('b1@127.0.1.1', { listing: 'begin', confirmed: clients(2) });
  report('b1@127.0.1.1', { listing: 'none', disowned: clients(3) });
  t.is(owners().length, 3);
  report('b1@127.0.1.1', { listing: 'end', confirmed: clients(4) });
  t.deepEqual(owners(), [`${client}:2 b1`, `${client}:3 b2`, `${client}:4 b1`]);
  t.true(plane.find('chat', { host: client, port: 4 })?.confirmed);
});

planeTest(
  'in tun a service that gets another name, or swaps it with another, keeps its flows, and one that leaves its VIP keeps them there',
  async (t) => {
    const { plane, say } = open(t);
    const other = '127.0.0.11';
    const at = (name: string, host: string) => service(name, { listen: { host, port: 9000 } });
    const told = (balancer: string, host: string, listing: FlowReport['listing'], ...ports: number[]) =>
      plane.report(balancer, {
        balancer,
        service: `${host}:9000`,
        listing,
        confirmed: ports.map((port) => ({ address: ipBytes(client), port })),
        disowned: [],
      });
    const listed = (...ports: number[]): void => {
      told('b1@127.0.1.1', vip, 'begin', ...ports);
      told('b1@127.0.1.1', vip, 'end');
      told('b1@127.0.1.1', other, 'begin');
      told('b1@127.0.1.1', other, 'end');
    };
    await plane.apply(table(topology(nodes, [chat, at('irc', other)])));
    listed(1);
    for (const services of [
      [at('talk', vip), at('irc', other)],
      [at('irc', vip), at('talk', other)],
      [at('irc', other)],
    ]) {
      await plane.apply(table(topology(nodes, services)));
      listed(1);
      t.is(plane.stats().balancers['b1@127.0.1.1'], 1);
      const hits = () => plane.stats().counters['forwardHit'] ?? 0;
      const before = hits();
      say(1, TcpFlag.Ack);
      await until(() => hits() === before + 1, 'the packet to meet its flow');
    }
    told('b1@127.0.1.1', vip, 'begin');
    told('b1@127.0.1.1', vip, 'end');
    t.deepEqual(plane.stats().balancers, {});
  },
);

test('what the plane raw lacks is one line with its cure', (t) => {
  const own = new Set([vip]);
  const away = service('away', { forwarding: 'fullnat', listen: { host: '192.0.2.1', port: 9000 } });
  t.is(
    rawLack(topology(nodes, [{ ...chat, forwarding: 'fullnat' }]), own, () => undefined),
    undefined,
  );
  t.like(
    rawLack(topology(nodes, [chat, away]), own, () => undefined),
    {
      cure: 'ip address add 192.0.2.1 dev <interface>',
    },
  );
  t.like(
    rawLack(topology(nodes, [chat]), own, () => 'not permitted'),
    { reason: 'not permitted' },
  );
});

planeTest(
  'in tun a balancer that ends a connection lets its client go on that is back with the same port',
  async (t) => {
    const { plane, say } = open(t);
    await plane.apply(table(topology([balancer('b1', { host: '127.0.1.1' })], [chat])));
    const find = () => plane.find('chat', { host: client, port: 1 });
    const report = (word: 'confirmed' | 'disowned') =>
      plane.report('b1@127.0.1.1', {
        balancer: 'b1@127.0.1.1',
        service: `${vip}:9000`,
        confirmed: [],
        disowned: [],
        listing: 'none',
        [word]: [{ address: ipBytes(client), port: 1 }],
      });
    say(1, TcpFlag.Syn);
    say(1, TcpFlag.Ack);
    await until(() => find()?.state === 'established', 'the flow');
    report('confirmed');
    say(1, TcpFlag.Fin | TcpFlag.Ack);
    await until(() => find()?.state === 'closing', 'its end');
    say(1, TcpFlag.Syn);
    await until(() => find()?.state === 'opening', 'the next connection');
    report('disowned');
    t.is(find()?.confirmed, false, 'nobody knows whether the client goes on');
    report('confirmed');
    t.is(find()?.confirmed, true);
  },
);

planeTest(
  'in tun flows of balancers that cannot confirm outlive a flood, and go a minute after they have ended',
  async (t) => {
    const { clock, plane, say } = open(t);
    const b1 = balancer('b1', { host: '127.0.1.1', probe: { kind: 'tcp' } });
    await plane.apply(table(topology([b1], [chat])));
    const find = (port: number) => plane.find('chat', { host: client, port });
    for (const port of [1, 2]) {
      say(port, TcpFlag.Syn);
      say(port, TcpFlag.Ack);
      await until(() => find(port)?.state === 'established', 'a flow');
    }
    clock.advance(1_000);
    for (let port = 100; port < 120; port++) say(port, TcpFlag.Syn);
    await until(() => find(119) !== undefined, 'the flood');
    // Also of one that was removed.
    await plane.apply(table(topology([], [chat]), { removed: ['b1@127.0.1.1'] }));
    for (let second = 0; second < 300; second++) clock.advance(1_000);
    t.deepEqual([find(1)?.confirmed, find(2)?.confirmed], [true, true]);
    say(1, TcpFlag.Fin | TcpFlag.Ack);
    await until(() => find(1)?.state === 'closing', 'its end');
    for (let second = 0; second < 60; second++) clock.advance(1_000);
    t.is(find(1)?.confirmed, true);
    clock.advance(2_000);
    t.is(find(1), undefined);
    t.is(find(2)?.confirmed, true);
  },
);
