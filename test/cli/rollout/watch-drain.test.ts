import { PassThrough } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import type { CommandIo } from '../../../cli/command.ts';
import { leftOn } from '../../../cli/rollout/drain-count.ts';
import { watchDrain } from '../../../cli/rollout/watch-drain.ts';
import type { ControlConnection } from '../../../lib/control/index.ts';
import type { NodeStatus, RolloutStatus, SurveyedNode, WatchedNode } from '../../../node/index.ts';
import type { Tier } from '../../../topology/index.ts';
import { aBalancer, aService, aTopology } from '../../topology-fixture.ts';

const director = { host: '127.50.0.1', interface: undefined, controlPort: 7400 };
const topology = aTopology({
  services: [
    aService({ balancers: ['b1', 'b2'], chatservers: ['c1'] }),
    aService({ name: 'other', balancers: ['b2', 'b3'], chatservers: ['c2'] }),
  ],
  directors: [
    { name: 'd1', ...director },
    { name: 'd2', ...director },
  ],
  balancers: ['b1', 'b2', 'b3'].map((name) => aBalancer({ name })),
});

type Watches = Readonly<Record<string, number>>;

/** A look at one node; `seen` says how many connections it has to others. */
function node(name: string, tier: Tier, connections = 0, seen: Watches = {}): SurveyedNode {
  const watches = Object.entries(seen).map(([other, count]): Partial<WatchedNode> => ({
    node: other,
    tier: other.startsWith('b') ? 'balancer' : 'chatserver',
    connections: count,
  }));
  const status = { connections, watches } as unknown as NodeStatus;
  const answer = { connection: {} as ControlConnection, state: {} as RolloutStatus, status };
  return {
    node: name,
    tier,
    control: { host: '127.50.0.1', port: 7400 },
    speaksControl: true,
    answer,
    problem: '',
  };
}

function silent(name: string, tier: Tier): SurveyedNode {
  return { ...node(name, tier), answer: undefined, problem: 'refused the connection' };
}

test('what is left is known from the node itself, or from everybody in front of it', (t) => {
  const known = (connections: number) => ({ connections, unknown: undefined });
  t.deepEqual(leftOn('b1', topology, [node('b1', 'balancer', 3), silent('d1', 'director')]), known(3));
  t.deepEqual(
    leftOn('b1', topology, [node('b1', 'balancer', 3), node('d1', 'director', 0, { b1: 5 })]),
    known(5),
  );
  // A foreign one, and one that has ended.
  const directors = [node('d1', 'director', 9, { b1: 4 }), node('d2', 'director', 9, { b1: 0, b2: 7 })];
  t.deepEqual(leftOn('b1', topology, directors), known(4));
  t.deepEqual(leftOn('b1', topology, [silent('b1', 'balancer'), ...directors]), known(4));
  // Those who have no service with it send nobody there.
  const front = [node('b1', 'balancer', 9, { c1: 2 }), node('b2', 'balancer', 9, { c1: 1, c2: 5 })];
  t.deepEqual(leftOn('c1', topology, [...front, silent('b3', 'balancer')]), known(3));
});

test('nobody who answers is not nobody who is connected', (t) => {
  const b1 = silent('b1', 'balancer');
  const d1 = node('d1', 'director', 0, { b1: 4 });
  t.deepEqual(leftOn('b1', topology, []), { connections: 0, unknown: 'no answer from d1, d2' });
  t.deepEqual(leftOn('b1', topology, [b1, d1, silent('d2', 'director')]), {
    connections: 4,
    unknown: 'no answer from b1, d2',
  });
  t.is(leftOn('c2', topology, [node('b2', 'balancer')]).unknown, 'no answer from b3');
});

/** What watchDrain prints when the cluster looks like this, one look after the other, and what it answers. */
async function watch(
  t: ExecutionContext,
  looks: readonly (readonly SurveyedNode[])[],
): Promise<{ readonly out: readonly string[]; readonly isEmpty: boolean; readonly looked: number }> {
  const interrupted = new AbortController();
  const out: string[] = [];
  const io: CommandIo = {
    out: (text) => void out.push(text),
    err: (text) => t.fail(text),
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    env: {},
    signal: interrupted.signal,
  };
  let looked = 0;
  const look = (): Promise<readonly SurveyedNode[]> => {
    const now = looks[looked++]!;
    if (looked === looks.length) interrupted.abort();
    return Promise.resolve(now);
  };
  const isEmpty = await watchDrain({ name: 'b1', untilMs: undefined, topology, look, everyMs: 0 }, io);
  return { out, isEmpty, looked };
}

test('a drain is over when it is known to be, not when nobody answers; that is told once', async (t) => {
  const nobody = [silent('b1', 'balancer'), silent('d1', 'director'), silent('d2', 'director')];
  const empty = [node('b1', 'balancer', 0), ...nobody.slice(1)];
  const full = [node('b1', 'balancer', 2), ...nobody.slice(1)];
  const notKnown = 'b1: how many connections are left is not known: no answer from b1, d1, d2';
  t.deepEqual(await watch(t, [full, nobody, nobody, nobody, empty, []]), {
    out: ['b1: 2 connections', notKnown, 'b1: no connection is left'],
    isEmpty: true,
    looked: 5,
  });
  t.deepEqual(await watch(t, [nobody, nobody, nobody]), {
    out: [notKnown, 'b1 goes on draining; headgate topology undrain b1 takes it back'],
    isEmpty: false,
    looked: 3,
  });
});
