import test from 'ava';
import fc from 'fast-check';
import {
  Bereaved,
  type BereavedOptions,
  type DeadBalancer,
  type FlowSource,
  type OwnedFlow,
} from '../../director/bereaved.ts';
import { ipBytes, parseIp } from '../../lib/packet/index.ts';
import { ManualClock } from '../manual-clock.ts';

interface TestFlow {
  readonly port: number;
  readonly balancer: number;
  readonly lastAck?: number;
  readonly vip?: false;
}

const owner = (index: number): DeadBalancer => ({ index, generation: 1 });
const address = { vip: ipBytes('203.0.113.10'), client: ipBytes('198.51.100.7') };

/** A flow table in memory; slices of three. */
class Table implements FlowSource<number> {
  readonly flows: Map<number, TestFlow>;
  mostHeld = 0;

  constructor(flows: readonly TestFlow[]) {
    this.flows = new Map(flows.map((flow) => [flow.port, flow]));
  }

  *walk(wanted: (owner: DeadBalancer) => boolean): Generator<number[], void> {
    const all = [...this.flows.values()];
    for (let at = 0; at < all.length; at += 3) {
      yield all.slice(at, at + 3).flatMap((flow) => (wanted(owner(flow.balancer)) ? [flow.port] : []));
    }
  }

  read(port: number): OwnedFlow | undefined {
    const flow = this.flows.get(port);
    if (flow === undefined) return undefined;
    const bereft = {
      vip: { address: address.vip, port: 9000 },
      client: { address: address.client, port },
      lastAck: flow.lastAck ?? 1_000 + port,
    };
    return { owner: owner(flow.balancer), bereft: flow.vip === false ? undefined : bereft };
  }

  remove(port: number): boolean {
    return this.flows.delete(port);
  }
}

interface Told {
  readonly port: number;
  readonly sequence: number;
  readonly flags: number;
  readonly atMs: number;
}

function world(flows: readonly TestFlow[], options: Partial<BereavedOptions<number>> = {}) {
  const clock = new ManualClock();
  const table = new Table(flows);
  const told: Told[] = [];
  const bereaved = new Bereaved<number>({
    flows: table,
    clock,
    random: () => 0.5,
    sender: {
      send(packet, to) {
        const { transport } = parseIp(packet);
        if (transport?.kind !== 'tcp' || to !== '198.51.100.7') throw new Error('no TCP to the client');
        const { destinationPort: port, sequence, flags } = transport;
        told.push({ port, sequence, flags, atMs: clock.now() });
        return 'sent';
      },
    },
    ...options,
  });
  return { clock, table, told, bereaved };
}

const many = (count: number, balancer = 1): TestFlow[] =>
  Array.from({ length: count }, (_, index) => ({ port: index + 1, balancer }));
const ports = (told: readonly Told[]): number[] => told.map(({ port }) => port).toSorted((a, b) => a - b);

test('every client of a dead balancer gets RST with the last ACK it sent, nobody else; after the last pass the flows go', (t) => {
  const flows = [...many(10, 1), { port: 100, balancer: 2 }];
  const { clock, table, told, bereaved } = world(flows, { passes: 2 });
  bereaved.setDead([owner(1)]);
  t.true(bereaved.busy);
  clock.advance(1_000);
  t.deepEqual(ports(told), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  for (const { port, sequence, flags } of told) t.deepEqual([sequence, flags], [1_000 + port, 0x04]);
  t.is(table.flows.size, 11, 'they stay for the second pass');
  clock.advance(4_000);
  t.is(told.length, 20);
  t.deepEqual([...table.flows.keys()], [100]);
  t.deepEqual(bereaved.stats(), {
    bereavedResets: 20,
    bereavedNudges: 0,
    bereavedUnsent: 0,
    bereavedRemoved: 10,
  });
  t.false(bereaved.busy);
  t.is(clock.pending, 0);
});

test('a client whose last ACK is not known is made to answer', (t) => {
  const { clock, told, bereaved } = world([{ port: 7, balancer: 1, lastAck: 0 }], { passes: 1 });
  bereaved.setDead([owner(1)]);
  clock.advance(1_000);
  t.deepEqual(
    told.map(({ flags }) => flags),
    [0x10],
  );
  t.is(bereaved.stats().bereavedNudges, 1);
});

test('a balancer that recovers cancels what was not sent yet; its flows stay', (t) => {
  const { clock, table, told, bereaved } = world(many(1_000), { ratePerSecond: () => 1_000 });
  bereaved.setDead([owner(1)]);
  clock.advance(500);
  const before = told.length;
  t.true(before > 0 && before < 600);
  bereaved.setDead([]);
  clock.advance(60_000);
  t.is(told.length, before);
  t.is(table.flows.size, 1_000);
  t.is(clock.pending, 0);
});

test('a changed rate holds at once, also while clients are being told', (t) => {
  let rate = 10;
  const { clock, told, bereaved } = world(many(1_000), { ratePerSecond: () => rate, passes: 1 });
  bereaved.setDead([owner(1)]);
  clock.advance(2_000);
  t.true(told.length > 0 && told.length <= 21, `${told.length} in two seconds`);
  rate = 1_000;
  clock.advance(3_000);
  t.is(told.length, 1_000);
});

test('a balancer that dies while others are being told is told of in a pass of its own', (t) => {
  const flows = [...many(500, 1), ...many(500, 2).map((flow) => ({ ...flow, port: flow.port + 1_000 }))];
  const { clock, table, told, bereaved } = world(flows, { ratePerSecond: () => 1_000, passes: 1 });
  bereaved.setDead([owner(1)]);
  clock.advance(300);
  bereaved.setDead([owner(1), owner(2)]);
  clock.advance(10_000);
  t.is(new Set(ports(told)).size, 1_000);
  t.is(told.length, 1_000);
  t.is(table.flows.size, 0);
});

test('a flow that began anew with another balancer is left alone, also when it was found before', (t) => {
  const { clock, table, told, bereaved } = world(many(3), { ratePerSecond: () => 10, passes: 1 });
  bereaved.setDead([owner(1)]);
  clock.advance(130);
  t.is(told.length, 1);
  for (const port of [2, 3]) table.flows.set(port, { port, balancer: 2 });
  clock.advance(10_000);
  t.is(told.length, 1);
  t.deepEqual([...table.flows.keys()], [2, 3]);
});

test('flows of a service that has gone are only removed, and packets that cannot be sent are counted', (t) => {
  const flows: TestFlow[] = [{ port: 1, balancer: 1, vip: false }, ...many(3).slice(1)];
  const { clock, table, bereaved } = world(flows, { passes: 1, sender: { send: () => 'full' } });
  bereaved.setDead([owner(1)]);
  clock.advance(1_000);
  t.is(table.flows.size, 0);
  t.deepEqual(bereaved.stats(), {
    bereavedResets: 0,
    bereavedNudges: 0,
    bereavedUnsent: 2,
    bereavedRemoved: 3,
  });
});

test('whatever dies and recovers, the rate is kept, and everybody whose balancer stays dead is told', (t) => {
  const event = fc.record({ dead: fc.uniqueArray(fc.integer({ min: 1, max: 3 })), waitMs: fc.nat(2_000) });
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 300 }),
      fc.array(event, { maxLength: 8 }),
      fc.integer({ min: 50, max: 5_000 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (owners, events, rate, random) => {
        const flows = owners.map((balancer, index) => ({ port: index + 1, balancer }));
        const { clock, told, bereaved } = world(flows, {
          ratePerSecond: () => rate,
          passes: 2,
          random: () => random,
        });
        for (const { dead, waitMs } of events) {
          bereaved.setDead(dead.map(owner));
          clock.advance(waitMs);
        }
        bereaved.setDead([owner(1)]);
        clock.advance(60_000);
        const reached = new Set(ports(told));
        for (const { port, balancer } of flows) if (balancer === 1) t.true(reached.has(port));
        const everDead = new Set([1, ...events.flatMap(({ dead }) => dead)]);
        for (const { port } of told) t.true(everDead.has(flows[port - 1]!.balancer));
        // Within any second no more than the rate and what a late round may make up for.
        const most = rate * 1.08 + 1;
        for (const [index, { atMs }] of told.entries()) {
          const second = told.slice(index).filter((one) => one.atMs < atMs + 1_000).length;
          t.true(second <= most, `${second} in a second at a rate of ${rate}`);
        }
        bereaved.close();
        t.is(clock.pending, 0);
      },
    ),
    { numRuns: 60 },
  );
});
