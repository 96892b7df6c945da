/** What a plan predicts is what the running code then does: forwarding tables, removed nodes, pools, deadlines. */
import test from 'ava';
import fc from 'fast-check';
import { PickTable } from '../../../balancer/pick-table.ts';
import { UpstreamPool, upstreamKey } from '../../../balancer/upstream-pool.ts';
import { balancerId } from '../../../director/balancer-identity.ts';
import { buildForwardingTable, type ForwardingTable } from '../../../director/forwarding-table.ts';
import { afterTopologyChange } from '../../../director/removed-balancers.ts';
import { FlowHasher, hashKeyFromHex, slotCounts } from '../../../lib/maglev/index.ts';
import type { TargetHealth } from '../../../lib/heartbeat/index.ts';
import {
  isDrainOver,
  nodeIdentity,
  planExitCode,
  planTopology,
  type Balancer,
  type ChatServer,
  type LiveView,
  type NodeState,
  type Topology,
} from '../../../topology/index.ts';
import { aBalancer, aBalancing, aChatServer, aService, aTopology } from '../../topology-fixture.ts';

/** Long before and long after every deadline of a generated topology. */
const startMs = 1_000_000;
const deadlineMs = 2_000_000;
const endMs = 3_000_000;

interface NodeChoice {
  readonly present: boolean;
  readonly moved: boolean;
  readonly weight: number;
  readonly state: NodeState;
  readonly deadline: boolean;
}

const nodeChoice: fc.Arbitrary<NodeChoice> = fc.record({
  present: fc.boolean(),
  moved: fc.nat(7).map((die) => die === 0),
  weight: fc.nat(3),
  state: fc.constantFrom('active', 'active', 'active', 'drain'),
  deadline: fc.boolean(),
});

const choices = fc.record({
  balancers: fc.array(nodeChoice, { minLength: 4, maxLength: 4 }),
  chatservers: fc.array(nodeChoice, { minLength: 3, maxLength: 3 }),
  directors: fc.array(fc.boolean(), { minLength: 2, maxLength: 2 }),
  /** Balancers the second service has of its own. */
  some: fc.subarray([0, 1, 2, 3]),
  otherKey: fc.nat(9).map((die) => die === 0),
});
type Choices = typeof choices extends fc.Arbitrary<infer Value> ? Value : never;

function drainEnd({ state, deadline }: NodeChoice): { readonly drainUntilMs?: number } {
  return state === 'drain' && deadline ? { drainUntilMs: deadlineMs } : {};
}

function topologyOf(choice: Choices): Topology {
  const balancers = choice.balancers.flatMap((node, index): readonly Balancer[] =>
    node.present
      ? [
          aBalancer({
            name: `b${index}`,
            host: `127.50.${node.moved ? 9 : 1}.${index + 1}`,
            weight: node.weight,
            state: node.state,
            ...drainEnd(node),
          }),
        ]
      : [],
  );
  const chatservers = choice.chatservers.flatMap((node, index): readonly ChatServer[] =>
    node.present
      ? [aChatServer(index + 1, { state: node.state, weight: node.weight, ...drainEnd(node) })]
      : [],
  );
  const names = balancers.map(({ name }) => name);
  const servers = chatservers.map(({ name }) => name);
  const listed = choice.some.map((index) => `b${index}`).filter((name) => names.includes(name));
  return aTopology({
    hashKey: choice.otherKey ? 'f'.repeat(32) : '000102030405060708090a0b0c0d0e0f',
    services: [
      aService({ name: 'all', balancers: names, chatservers: servers }),
      aService({
        name: 'some',
        listen: { host: '127.50.0.1', port: 9001 },
        balancers: listed,
        chatservers: servers,
      }),
    ],
    directors: choice.directors.flatMap((present, index) =>
      present
        ? [{ name: `d${index}`, host: `127.50.0.${index + 2}`, controlPort: 7400, interface: undefined }]
        : [],
    ),
    balancers,
    chatservers,
  });
}

const up: TargetHealth = {
  id: '',
  state: 'up',
  misses: 0,
  dead: false,
  sinceMs: 0,
  reply: null,
  lastFailure: '',
};

function tableOf(
  topology: Topology,
  down: ReadonlySet<string>,
  wallMs: number,
  before?: Topology,
  previous?: ForwardingTable,
): ForwardingTable {
  const removed = before === undefined ? [] : afterTopologyChange([], before, topology);
  const input = {
    topology,
    health: (id: string): TargetHealth => ({ ...up, state: down.has(id) ? 'down' : 'up' }),
    removed: removed.map(({ id }) => id),
    suspectsItself: false,
    wallMs,
  };
  return buildForwardingTable(input, previous);
}

test('the share of new connections that moves is what the directors then do, slot by slot', (t) => {
  fc.assert(
    fc.property(choices, choices, fc.subarray([0, 1, 2, 3]), (one, other, sick) => {
      const before = topologyOf(one);
      const after = topologyOf(other);
      const ids = before.balancers.filter((_, index) => sick.includes(index));
      const live: LiveView = {
        connections: new Map(),
        down: new Set(ids.map((node) => nodeIdentity('balancer', node))),
      };
      const down = new Set(ids.map(balancerId));
      const plan = planTopology(before, after, live);
      const old = tableOf(before, down, startMs);
      const now = tableOf(after, down, startMs, before);
      for (const shares of plan.services) {
        const was = old.services.find(({ name }) => name === shares.service)!;
        const is = now.services.find(({ name }) => name === shares.service)!;
        for (const { balancer, before: share } of shares.balancers)
          t.true(Math.abs(share - shareOf(was, balancer)) < 1e-9, 'share before');
        for (const { balancer, after: share } of shares.balancers)
          t.true(Math.abs(share - shareOf(is, balancer)) < 1e-9, 'share after');
        if (before.hashKey !== after.hashKey) {
          // Another hash: what clients then meet, within what chance allows.
          t.true(Math.abs(shares.moved - sampled(old.hashKey, was, now.hashKey, is)) < 0.12);
          continue;
        }
        let moved = 0;
        for (let slot = 0; slot < was.maglev.size; slot++)
          if (was.owners[was.maglev.slots[slot]!]?.id !== is.owners[is.maglev.slots[slot]!]?.id) moved++;
        t.true(Math.abs(shares.moved - moved / was.maglev.size) < 1e-9, 'moved');
      }
    }),
    { numRuns: 8 },
  );
});

type Forwarding = ForwardingTable['services'][number];

function shareOf({ maglev, owners }: Forwarding, id: string): number {
  const index = owners.findIndex((owner) => owner.id === id);
  return index === -1 ? 0 : slotCounts(maglev)[index]! / maglev.size;
}

function sampled(oldKey: string, was: Forwarding, newKey: string, is: Forwarding): number {
  const hashers = [oldKey, newKey].map((key) => new FlowHasher(hashKeyFromHex(key)));
  const clients = 1_500;
  let moved = 0;
  for (let client = 0; client < clients; client++) {
    const from = { host: `198.51.${client >> 8}.${client & 255}`, port: 40_000 + (client % 1_000) };
    const [old, now] = [was, is].map(
      ({ maglev, owners }, index) => owners[maglev.slots[hashers[index]!.slotOf(from, maglev.size)]!]?.id,
    );
    if (old !== now) moved++;
  }
  return moved / clients;
}

/** One connection of the simulated cluster, by identity of the nodes it goes through. */
interface Connection {
  readonly director: string;
  readonly balancer: string;
  readonly chatserver: string;
}

const places = fc.array(fc.tuple(fc.nat(1_000), fc.nat(1_000), fc.nat(1_000)), { maxLength: 40 });

test('connections kept, drained and lost are those of a cluster in which nobody hangs up', (t) => {
  fc.assert(
    fc.property(choices, choices, places, (one, other, seats) => {
      const before = topologyOf(one);
      const after = topologyOf(other);
      const some = <Entry>(entries: readonly Entry[], seat: number): Entry | undefined =>
        entries[seat % Math.max(1, entries.length)];
      const cluster = seats.flatMap(([d, b, c]): readonly Connection[] => {
        const director = some(before.directors, d);
        const balancer = some(before.balancers, b);
        const chatserver = some(before.chatservers, c);
        if (director === undefined || balancer === undefined || chatserver === undefined) return [];
        return [
          { director: director.name, balancer: balancerId(balancer), chatserver: upstreamKey(chatserver) },
        ];
      });
      const count = (key: keyof Connection, id: string): number =>
        cluster.filter((connection) => connection[key] === id).length;
      const live: LiveView = {
        down: new Set(),
        connections: new Map([
          ...before.directors.map((node): [string, number] => [
            nodeIdentity('director', node),
            count('director', node.name),
          ]),
          ...before.balancers.map((node): [string, number] => [
            nodeIdentity('balancer', node),
            count('balancer', balancerId(node)),
          ]),
          ...before.chatservers.map((node): [string, number] => [
            nodeIdentity('chatserver', node),
            count('chatserver', upstreamKey(node)),
          ]),
        ]),
      };
      const { connections: plan } = planTopology(before, after, live);
      const tables = tablesOf(before, after);
      const fates = cluster.map((connection) => fatesOf(connection, before, after, tables));
      const sums = { director: [0, 0, 0], balancer: [0, 0, 0], chatserver: [0, 0, 0] };
      for (const fate of fates)
        for (const tier of ['director', 'balancer', 'chatserver'] as const) sums[tier][fate[tier]]! += 1;
      for (const tier of ['director', 'balancer', 'chatserver'] as const) {
        const { kept, drained, lost } = plan!.tiers[tier];
        t.deepEqual([kept, drained, lost], sums[tier], tier);
      }
      // Over the tiers it is the worst that can be, and exact when one tier alone is touched.
      const worst = fates.map(({ director, balancer, chatserver }) =>
        Math.max(director, balancer, chatserver),
      );
      const really = [0, 1, 2].map((fate) => worst.filter((each) => each === fate).length);
      t.is(plan!.total, cluster.length);
      t.true(plan!.lost >= really[2]! && plan!.kept <= really[0]!);
      const touched = Object.values(sums).filter(([kept]) => kept !== cluster.length).length;
      if (touched <= 1) t.deepEqual([plan!.kept, plan!.drained, plan!.lost], really);
    }),
    { numRuns: 40 },
  );
});

/** The forwarding tables of a change: before and after it, at once and at the end of time. */
function tablesOf(before: Topology, after: Topology) {
  const old = tableOf(before, new Set(), startMs, before);
  const now = tableOf(after, new Set(), startMs, before, old);
  return {
    removed: new Set(now.removed),
    drained: [old, now].map(
      ({ services }) =>
        new Set(
          services.flatMap(({ balancers }) =>
            balancers.filter(({ standing }) => standing === 'drained').map(({ id }) => id),
          ),
        ),
    ),
    closed: [
      new Set(tableOf(before, new Set(), endMs, before, old).dead),
      new Set(tableOf(after, new Set(), endMs, before, now).dead),
    ],
  };
}

/** 0 kept, 1 drained, 2 lost, for each tier, as the nodes' own code has it. */
function fatesOf(
  { director, balancer, chatserver }: Connection,
  before: Topology,
  after: Topology,
  { removed, drained, closed }: ReturnType<typeof tablesOf>,
): Readonly<Record<'director' | 'balancer' | 'chatserver', number>> {
  const [closedBefore, closedAfter] = closed.map((ids) => ids.has(balancer));
  const [drainedBefore, drainedAfter] = drained.map((ids) => ids.has(balancer));
  const balancerFate = closedAfter
    ? Number(!closedBefore) * 2
    : Number(drainedAfter === true && !(drainedBefore === true && !closedBefore));
  return {
    director: after.directors.some(({ name }) => name === director) ? 0 : 1,
    balancer: removed.has(balancer) ? 1 : balancerFate,
    chatserver: serverFate(chatserver, before, after),
  };
}

function serverFate(key: string, before: Topology, after: Topology): number {
  const table = new PickTable(new ArrayBuffer(PickTable.bytes(1)), 1);
  const pool = new UpstreamPool({ table, random: () => 0, now: () => 0 });
  const look = (topology: Topology) => {
    pool.apply({
      services: [{ ...topology.services[0]!, balancing: aBalancing() }],
      chatservers: topology.chatservers,
      hashKey: topology.hashKey,
    });
    const found = pool.upstreams().find(({ upstream }) => upstream.key === key);
    const over = found !== undefined && !found.removed && isDrainOver(found.chatserver, endMs);
    return { gone: found === undefined || found.removed, draining: found?.draining !== false, over };
  };
  const was = look(before);
  const is = look(after);
  if (is.gone) return 1;
  if (is.over) return was.over ? 0 : 2;
  return Number(is.draining && !(was.draining && !was.over));
}

test('exit codes: 0 no change, 3 changes, 4 connections would be lost', (t) => {
  const before = aTopology();
  const drained = (drainUntilMs?: number): Topology =>
    aTopology({ balancers: [aBalancer({ state: 'drain', drainUntilMs })] });
  const live: LiveView = {
    down: new Set(),
    connections: new Map([[nodeIdentity('balancer', before.balancers[0]!), 7]]),
  };
  t.is(planExitCode(planTopology(before, before, live)), 0);
  t.is(planExitCode(planTopology(before, drained(), live)), 3);
  t.is(planExitCode(planTopology(before, drained(deadlineMs), live)), 4);
  t.is(planExitCode(planTopology(before, drained(deadlineMs))), 3, 'nobody was asked');
});

test('a plan says of every changed key what it does to traffic, and what needs privileges', (t) => {
  const before = aTopology();
  const after = aTopology({
    graceMs: 6_000,
    services: [aService({ listen: { host: '127.50.0.1', port: 443 }, connectTimeoutMs: 1_000 })],
    balancers: [
      aBalancer({ workers: 2, weight: 3, controlPort: 7401 }),
      aBalancer({ name: 'b2', host: '127.50.1.2' }),
    ],
    chatservers: [aChatServer(1), aChatServer(2)],
  });
  const plan = planTopology(before, after);
  t.deepEqual(
    plan.changes.map(({ what, kind, key, traffic }) => [what, kind, key, traffic].join(' ')),
    [
      'cluster changed grace none',
      'service chat changed listen new',
      'service chat changed timeouts.connect new',
      'balancer b2 added  new',
      'balancer b1 changed control none',
      'balancer b1 changed weight new',
      'balancer b1 changed workers restart',
      'chat server c3 removed  drains',
    ],
  );
  t.is(plan.changes.find(({ key }) => key === 'control')?.effect, 'None: clients do not use it.');
  t.true(plan.changes.every(({ effect }) => effect !== ''));
  t.deepEqual(plan.privileges, [
    'service chat: to listen on 127.50.0.1:443 directors need CAP_NET_BIND_SERVICE',
  ]);
});
