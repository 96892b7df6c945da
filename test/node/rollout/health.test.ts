import test from 'ava';
import type { NodeStatus, WatchedNode } from '../../../node/index.ts';
import {
  healthOf,
  troublesBetween,
  troublesOf,
  troublesWorse,
  whatIsWorse,
} from '../../../node/rollout/health.ts';
import { aBalancer, aTopology } from '../../topology-fixture.ts';

const b2 = aBalancer({ name: 'b2', host: '127.50.1.2' });
const topology = aTopology({
  balancers: [aBalancer(), b2],
  services: aTopology().services.map((service) => ({ ...service, balancers: ['b1', 'b2'] })),
});

function seen(node: string, change: Partial<WatchedNode> = {}): WatchedNode {
  return {
    node,
    tier: 'balancer',
    state: 'up',
    misses: 0,
    dead: false,
    services: { chat: 'serving' },
    connections: 0,
    draining: false,
    lastFailure: '',
    ...change,
  };
}

function d1(watches: readonly WatchedNode[], counters: Readonly<Record<string, number>> = {}): NodeStatus {
  return { node: 'd1', tier: 'director', pid: 1, counters, watches } as unknown as NodeStatus;
}

const well = healthOf([d1([seen('b1'), seen('b2')])]);
const step = { from: topology, to: topology };

test('worse is a node that was up and is not, serves no more, or does not answer', (t) => {
  const now = (watch: WatchedNode) => whatIsWorse(well, healthOf([d1([seen('b1'), watch])]), step);
  t.deepEqual(now(seen('b2')), []);
  t.deepEqual(now(seen('b2', { services: { chat: 'full' } })), [], 'full is well');
  t.deepEqual(now(seen('b2', { state: 'down' })), ['b2 was up for d1 and is not']);
  t.deepEqual(now(seen('b2', { services: { chat: 'no-upstream' } })), ['b2 served chat for d1 and does not']);
  t.deepEqual(whatIsWorse(well, healthOf([]), step), ['d1 does not answer any more']);
});

test('what the topology drains, removes or moves may end', (t) => {
  const now = healthOf([d1([seen('b1'), seen('b2', { services: { chat: 'draining' } })])]);
  const to = { ...topology, balancers: [aBalancer(), { ...b2, state: 'drain' as const }] };
  t.deepEqual(whatIsWorse(well, now, { from: topology, to }), []);
  const gone = healthOf([d1([seen('b1'), seen('b2', { state: 'down' })])]);
  for (const balancers of [[aBalancer()], [aBalancer(), { ...b2, host: '127.50.1.9' }]])
    t.deepEqual(whatIsWorse(well, gone, { from: topology, to: { ...topology, balancers } }), []);
});

test('refusals and resets are compared with the minute before, and a few are no trend', (t) => {
  t.is(troublesOf({ counters: { refusedFull: 1, deadResets: 2, accepted: 50, refusedPeer: 9 } }), 3);
  const before = healthOf([d1([], { refusedFull: 5 })]);
  t.is(troublesBetween(before, healthOf([d1([], { refusedFull: 25 })])), 20);
  const restarted = { ...d1([], { refusedFull: 3 }), pid: 2 };
  t.is(troublesBetween(before, healthOf([restarted])), 3, 'a new process began at 0');
  t.is(troublesWorse(0, 9, 5_000), undefined);
  t.regex(troublesWorse(0, 10, 5_000) ?? '', /^10 refusals and resets in 5 s, after 0 in the minute before$/);
  t.is(troublesWorse(60, 10, 5_000), undefined, 'two per second after one per second');
  t.not(troublesWorse(60, 11, 5_000), undefined);
});
