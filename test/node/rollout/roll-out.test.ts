import { readFile, rm, stat, writeFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { HeadgateError, isHeadgateError } from '../../../lib/errors/index.ts';
import type { ConnectNode, RolloutEvent } from '../../../node/index.ts';
import { stageMethod, switchMethod } from '../../../node/rollout/messages.ts';
import { takeLoopbackBlock } from '../../loopback-block.ts';
import { until } from '../../until.ts';
import { fileOf, meaning, names, startAgents, textOf, type TestCluster } from './agents.ts';

test('a roll-out reaches every node in two phases, and each rewrites its file and keeps it on disk', async (t) => {
  const block = await takeLoopbackBlock(t);
  const cluster = await startAgents(t, textOf(block));
  const text = textOf(block, { weight: 3 });
  const events: RolloutEvent[] = [];
  const result = await cluster.apply(text, { onEvent: (event) => events.push(event) });
  t.is(result.stamp.generation, 1);
  t.deepEqual([...result.switched].sort(), [...names]);
  const kinds = events.map(({ kind }) => kind);
  t.true(kinds.lastIndexOf('staged') < kinds.indexOf('switched'), kinds.join());
  await cluster.agreed(1, meaning(text).hash);
  for (const node of cluster.nodes.values()) {
    t.is(await fileOf(node), text);
    const state = path.join(path.dirname(node.file), 'state');
    const [kept = ''] = await readdir(state);
    t.is((await stat(path.join(state, kept))).mode & 0o777, 0o600);
    t.is(node.applied.length, 2, 'the rewritten file is not taken for a change by hand');
  }
  // The next one counts on.
  t.is((await cluster.apply(textOf(block, { weight: 4 }))).stamp.generation, 2);
});

test('when one node refuses, nobody switches, and the refusal says why', async (t) => {
  const block = await takeLoopbackBlock(t);
  const cluster = await startAgents(t, textOf(block));
  cluster.node('d1').check = () => {
    throw new HeadgateError('HEADGATE_CONTROL_PORT_TAKEN', 'port 9000 is taken');
  };
  const error = await t.throwsAsync(cluster.apply(textOf(block, { weight: 3 })));
  t.true(isHeadgateError(error, 'HEADGATE_ROLLOUT_REFUSED'));
  t.regex(String((error as Error).cause), /port 9000 is taken/);
  for (const { agent, applied } of cluster.nodes.values()) {
    t.is(agent.status().generation, 0);
    t.is(agent.status().staged, null);
    t.is(applied.length, 1);
  }
  cluster.node('d1').check = () => undefined;
  t.is((await cluster.apply(textOf(block, { weight: 3 }))).stamp.generation, 1);
});

test('a topology that is invalid, of another cluster or with another secret is refused by every node', async (t) => {
  const block = await takeLoopbackBlock(t);
  const cluster = await startAgents(t, textOf(block));
  const text = textOf(block, { weight: 2 });
  for (const [changed, why] of [
    [text.replace('cluster: test', 'cluster: other'), 'HEADGATE_ROLLOUT_CLUSTER'],
    [text.replace('./cluster.key', './elsewhere.key'), 'HEADGATE_ROLLOUT_SECRET'],
  ] as const) {
    const error = await t.throwsAsync(cluster.apply(changed));
    t.is(peerCode(error), why);
  }
  const lie = cluster.apply(text, { candidate: { topology: meaning(textOf(block)), text } });
  const error = await t.throwsAsync(lie);
  t.is(peerCode(error), 'HEADGATE_ROLLOUT_INVALID');
});

test('of two roll-outs at once one goes on and the other is told', async (t) => {
  const block = await takeLoopbackBlock(t);
  const cluster = await startAgents(t, textOf(block));
  const texts = [2, 3, 4].map((weight) => textOf(block, { weight }));
  const outcomes = await Promise.allSettled(
    texts.map((text, index) =>
      cluster.apply(text, { by: `person ${index}`, running: meaning(textOf(block)) }),
    ),
  );
  const won = outcomes.flatMap((outcome, index) => (outcome.status === 'fulfilled' ? [index] : []));
  t.is(won.length, 1);
  for (const outcome of outcomes)
    if (outcome.status === 'rejected')
      t.true(
        isHeadgateError(outcome.reason, 'HEADGATE_ROLLOUT_BUSY') ||
          isHeadgateError(outcome.reason, 'HEADGATE_ROLLOUT_STALE'),
        String(outcome.reason),
      );
  await cluster.agreed(1, meaning(texts[won[0]!]!).hash);
});

test('a plan made for an older generation is refused', async (t) => {
  const block = await takeLoopbackBlock(t);
  const cluster = await startAgents(t, textOf(block));
  const { stamp } = await cluster.apply(textOf(block, { weight: 2 }));
  await cluster.apply(textOf(block, { weight: 3 }), { base: stamp });
  const error = await t.throwsAsync(cluster.apply(textOf(block, { weight: 4 }), { base: stamp }));
  t.true(isHeadgateError(error, 'HEADGATE_ROLLOUT_STALE'));
});

test('a node that is down is named and skipped, and catches up when it returns with its old file', async (t) => {
  const block = await takeLoopbackBlock(t);
  const cluster = await startAgents(t, textOf(block));
  await cluster.node('b2').close();
  const text = textOf(block, { weight: 5 });
  const events: RolloutEvent[] = [];
  const { skipped } = await cluster.apply(text, { onEvent: (event) => events.push(event) });
  t.deepEqual(skipped, ['b2']);
  t.regex(JSON.stringify(events.find(({ kind }) => kind === 'skipped')), /b2.*refused the connection/);
  const back = await cluster.start('b2');
  t.is(back.agent.status().generation, 0);
  await cluster.agreed(1, meaning(text).hash);
  await until(async () => (await fileOf(back)) === text, 'its file to be rewritten');
});

test('a node that is up for others but does not answer stops the roll-out, unless it is left out by name', async (t) => {
  const block = await takeLoopbackBlock(t);
  const cluster = await startAgents(t, textOf(block));
  await cluster.node('b2').close();
  const seen = { node: 'b2', tier: 'balancer', state: 'up', misses: 0, dead: false, services: {} } as const;
  cluster.node('d1').status = {
    watches: [{ ...seen, connections: 7, draining: false, lastFailure: '' }],
  };
  const text = textOf(block, { weight: 5 });
  const error = await t.throwsAsync(cluster.apply(text));
  t.true(isHeadgateError(error, 'HEADGATE_ROLLOUT_UNREACHABLE'));
  t.regex(error?.message ?? '', /^b2 is up for d1 but does not answer/);
  t.deepEqual((await cluster.apply(text, { skip: new Set(['b2']) })).skipped, ['b2']);
});

test('removed nodes are told after the switch, added ones that run already take part', async (t) => {
  const block = await takeLoopbackBlock(t);
  const cluster = await startAgents(t, textOf(block));
  const added = textOf(block, { extra: `  b3: { host: ${block.address(23)} }\n` });
  await cluster.start('b3', added);
  const { switched } = await cluster.apply(added);
  t.true(switched.includes('b3'));
  const without = added.replace(/ {2}b2: .*\n/, '');
  const { skipped } = await cluster.apply(without);
  t.deepEqual(skipped, ['b2']);
  await cluster.agreed(2, meaning(without).hash);
});

test('what answers under another name has staged nothing for the node that does not run', async (t) => {
  const block = await takeLoopbackBlock(t);
  const cluster = await startAgents(t, textOf(block));
  // The process of b2 has the control port until it ends.
  const renamed = textOf(block).replace('  b2:', '  b3:');
  const events: RolloutEvent[] = [];
  const { switched, skipped } = await cluster.apply(renamed, { onEvent: (event) => events.push(event) });
  t.false(switched.includes('b3'));
  t.true(skipped.includes('b3'));
  const why = events.flatMap((event) => (event.kind === 'skipped' && event.node === 'b3' ? [event.why] : []));
  t.regex(why.join(), /^does not answer: b2 answers at \S+:7400 instead of b3; start b3/);
  await cluster.agreed(1, meaning(renamed).hash);
});

test('a staged topology whose applier falls silent is dropped when its lease is over', async (t) => {
  const block = await takeLoopbackBlock(t);
  const cluster = await startAgents(t, textOf(block));
  const text = textOf(block, { weight: 7 });
  const connection = await cluster.connect({
    node: 'b1',
    tier: 'balancer',
    control: { host: block.address(21), port: 7400 },
    speaksControl: true,
  });
  t.teardown(() => connection.close());
  const stamp = { generation: 1, id: '0-1', hash: meaning(text).hash };
  const base = { generation: 0, id: '', hash: '0' };
  await connection.request(stageMethod, { stamp, base, text, by: 'ann' }, 5_000);
  t.is(cluster.node('b1').agent.status().staged?.by, 'ann');
  await until(() => cluster.node('b1').agent.status().staged === null, 'the lease to end');
  const error = await t.throwsAsync(connection.request(switchMethod, { id: '0-1' }, 5_000));
  t.true(isHeadgateError(error, 'HEADGATE_CONTROL_REFUSED_REQUEST'));
});

test('a change by hand stays on its node until the next roll-out, and is not passed on', async (t) => {
  const block = await takeLoopbackBlock(t);
  const cluster = await startAgents(t, textOf(block));
  await cluster.apply(textOf(block, { weight: 2 }));
  const byHand = textOf(block, { weight: 9 });
  await writeFile(cluster.node('b1').file, byHand);
  await until(() => cluster.node('b1').agent.status().local, 'the change to be seen');
  const third = await restart(cluster, 'b1');
  t.true(third.agent.status().local, 'also after a restart');
  t.is(third.applied[0]?.hash, meaning(byHand).hash);
  t.is(cluster.node('b2').applied.at(-1)?.hash, meaning(textOf(block, { weight: 2 })).hash);
  const text = textOf(block, { weight: 3 });
  await cluster.apply(text);
  await cluster.agreed(2, meaning(text).hash);
});

test('a node starts with its last good topology when its file is missing or broken', async (t) => {
  const block = await takeLoopbackBlock(t);
  const cluster = await startAgents(t, textOf(block));
  const text = textOf(block, { weight: 2 });
  await cluster.apply(text);
  await cluster.agreed(1, meaning(text).hash);
  for (const spoil of [(file: string) => rm(file), (file: string) => writeFile(file, 'version: [')]) {
    await cluster.node('b1').close();
    await spoil(cluster.node('b1').file);
    const node = await cluster.start('b1');
    t.is(node.applied[0]?.hash, meaning(text).hash);
    t.is(node.agent.status().generation, 1);
    t.true(node.lines.some(({ msg }) => msg.includes('starting with the last good one, generation 1')));
  }
  // Repaired, it is a file like any other.
  await writeFile(cluster.node('b1').file, text);
  t.false((await restart(cluster, 'b1')).agent.status().local);
});

test('a node killed before it rewrote its file starts with what it took', async (t) => {
  const block = await takeLoopbackBlock(t);
  const old = textOf(block);
  const cluster = await startAgents(t, old);
  const text = textOf(block, { weight: 2 });
  const { file } = cluster.node('b1');
  const state = path.join(path.dirname(file), 'state');
  const kept = await until(
    async () => (await readdir(state)).find((name) => name.endsWith('b1.json')),
    'what it keeps',
  );
  const before = JSON.parse(await readFile(path.join(state, kept), 'utf8')) as object;
  await cluster.apply(text);
  await cluster.agreed(1, meaning(text).hash);
  await cluster.node('b1').close();
  const after = JSON.parse(await readFile(path.join(state, kept), 'utf8')) as { fileDigest: string };
  const { fileDigest } = before as { fileDigest: string };
  await writeFile(path.join(state, kept), JSON.stringify({ ...after, fileDigest }));
  await writeFile(file, old);
  const node = await cluster.start('b1');
  t.is(node.applied[0]?.hash, meaning(text).hash);
  t.false(node.agent.status().local);
  await until(async () => (await fileOf(node)) === text, 'its file to be rewritten');
});

test('when health becomes worse after the switch, the topology from before is rolled out again', async (t) => {
  const block = await takeLoopbackBlock(t);
  const old = textOf(block);
  const cluster = await startAgents(t, old);
  const view = (state: 'up' | 'down') => ({
    watches: [
      {
        node: 'b1',
        tier: 'balancer' as const,
        state,
        misses: 0,
        dead: false,
        services: {},
        connections: 0,
        draining: false,
        lastFailure: '',
      },
    ],
  });
  const director = cluster.node('d1');
  const bad = meaning(textOf(block, { weight: 2 })).hash;
  director.status = view('up');
  director.carryOut = ({ hash }) => {
    director.status = view('up');
    if (hash === bad) setTimeout(() => (director.status = view('down')), 400);
  };
  const events: RolloutEvent[] = [];
  const result = await cluster.apply(textOf(block, { weight: 2 }), {
    watchMs: 10_000,
    onEvent: (event) => events.push(event),
  });
  t.is(result.rolledBack?.why, 'b1 was up for d1 and is not');
  t.is(result.rolledBack?.stamp.generation, 2);
  t.true(events.some(({ kind }) => kind === 'rolls-back'));
  await cluster.agreed(2, meaning(old).hash);
});

test('a node that cannot carry the topology out has it rolled back at once', async (t) => {
  const block = await takeLoopbackBlock(t);
  const old = textOf(block);
  const cluster = await startAgents(t, old);
  const bad = meaning(textOf(block, { weight: 2 })).hash;
  cluster.node('c1').carryOut = ({ hash }) => {
    if (hash === bad) throw new HeadgateError('HEADGATE_CONTROL_PORT_TAKEN', 'control port is taken');
  };
  const result = await cluster.apply(textOf(block, { weight: 2 }), { watchMs: 10_000 });
  t.regex(result.rolledBack?.why ?? '', /^c1: control port is taken/);
  await cluster.agreed(2, meaning(old).hash);
});

test('two halves that rolled out without seeing each other agree on the later one when they meet', async (t) => {
  const block = await takeLoopbackBlock(t);
  const cluster = await startAgents(t, textOf(block));
  const half =
    (some: readonly string[]): ConnectNode =>
    async (address) => {
      if (!some.includes(address.node)) throw new HeadgateError('HEADGATE_CONTROL_UNREACHABLE', 'cut off');
      return cluster.connect(address);
    };
  for (const name of ['b2', 'c2']) await cluster.node(name).close();
  await cluster.apply(textOf(block, { weight: 2 }), { connect: half(['b1', 'c1', 'd1']) });
  for (const name of ['b1', 'c1', 'd1']) await cluster.node(name).close();
  for (const name of ['b2', 'c2']) await cluster.start(name);
  const later = textOf(block, { weight: 3 });
  const { stamp } = await cluster.apply(later, {
    running: meaning(textOf(block)),
    connect: half(['b2', 'c2']),
  });
  t.is(stamp.generation, 1);
  for (const name of ['b1', 'c1', 'd1']) await cluster.start(name);
  await cluster.agreed(1, meaning(later).hash);
});

async function restart(cluster: TestCluster, name: string) {
  await cluster.node(name).close();
  return cluster.start(name);
}

/** What the node said of which the error tells. */
function peerCode(error: Error | undefined): unknown {
  return isHeadgateError(error?.cause) ? error.cause.facts['peerCode'] : undefined;
}
