import { connect } from 'node:net';
import test from 'ava';
import { createControlServer } from '../../../lib/control/index.ts';
import { createResponder, type HeartbeatTarget } from '../../../lib/heartbeat/index.ts';
import {
  bareServer,
  deadEndpoint,
  descriptors,
  key,
  memoryLog,
  otherKey,
  serve,
} from '../control/helpers.ts';
import { until } from '../../until.ts';
import { draining, serving, spawnNode, watch, watchFakes } from './helpers.ts';

const endpoint = { host: '127.20.1.1', port: 7400 };
const target = (id: string, port = 7400): HeartbeatTarget => ({
  id,
  probe: { kind: 'headgate', node: id, endpoint: { ...endpoint, port } },
});
const slow = { intervalMs: 600_000, misses: 3, rises: 2, deadAfterMs: 6_000_000 };
const quick = { intervalMs: 100, misses: 3, rises: 2, deadAfterMs: 600_000 };

test('a target is asked at once, is up with its first answer and is told so once', (t) => {
  const { beats, probes, changes, replies, lines } = watchFakes(t);
  beats.setTargets([target('b1')]);
  t.like(beats.health('b1'), { state: 'unknown', misses: 0, reply: null });
  probes[0]!.good();
  t.like(beats.health('b1'), { state: 'up', reply: serving });
  t.deepEqual(changes, ['b1: up']);
  t.deepEqual(
    replies.map(({ reply }) => reply),
    [serving],
  );
  t.deepEqual(
    lines.map(({ msg }) => msg),
    ['b1 is up'],
  );
});

test('state changes are one line each', (t) => {
  const { beats, probes, clock, lines, changes } = watchFakes(t);
  beats.setTargets([target('b1'), target('b2'), target('b3'), target('b4')]);
  for (const probe of probes) probe.good();
  lines.length = 0;
  for (let second = 0; second < 4; second += 1) {
    clock.advance(1_000);
    for (const probe of probes.slice(1)) probe.good();
  }
  t.deepEqual(
    lines.map(({ msg }) => msg),
    ['b1 is down: 3 misses (no answer within 1000 ms)'],
  );
  probes[1]!.report({ type: 'closed', connection: 1, why: 'the connection ended (ended)' });
  probes[1]!.report({
    type: 'refused',
    beat: probes[1]!.last.beat,
    why: '127.20.1.1:7400 refused the connection (ECONNREFUSED)',
  });
  t.is(lines[1]!.msg, 'b2 is down and dead: 127.20.1.1:7400 refused the connection (ECONNREFUSED)');
  for (let second = 0; second < 10; second += 1) {
    clock.advance(1_000);
    for (const probe of probes.slice(2)) probe.good();
  }
  t.is(lines[2]!.msg, 'b1 is dead: down for 10000 ms');
  probes[0]!.good();
  clock.advance(1_000);
  probes[0]!.good();
  t.deepEqual(
    lines.slice(3).map(({ msg }) => msg),
    ['b1 is up'],
  );
  t.deepEqual(changes.slice(4), ['b1: down', 'b2: down dead', 'b1: down dead', 'b1: up']);
});

test('targets that stay keep their state, a changed probe is a new target, others are forgotten', (t) => {
  const { beats, probes, clock } = watchFakes(t);
  beats.setTargets([target('b1'), target('b2')]);
  for (const probe of probes) probe.good();
  beats.setTargets([target('b1'), target('b2', 7401), target('b3')]);
  t.is(probes.length, 4);
  t.deepEqual(
    probes.map(({ closed }) => closed),
    [false, true, false, false],
  );
  t.deepEqual(
    beats.all().map(({ id, state }) => `${id} ${state}`),
    ['b1 up', 'b2 unknown', 'b3 unknown'],
  );
  beats.setTargets([]);
  t.deepEqual(beats.all(), []);
  t.is(beats.health('b1'), undefined);
  t.is(clock.pending, 0);
  probes[0]!.good();
  t.deepEqual(beats.all(), [], 'a probe that still reports harms nothing');
});

test('a target that is not asked is always up', (t) => {
  const { beats, changes, probes, clock } = watchFakes(t);
  beats.setTargets([{ id: 'c1', probe: { kind: 'off' } }]);
  t.like(beats.health('c1'), { state: 'up', reply: null });
  t.deepEqual(changes, ['c1: up']);
  beats.setTargets([{ id: 'c1', probe: { kind: 'off' } }]);
  clock.advance(60_000);
  beats.probeNow('c1');
  t.deepEqual([changes.length, probes.length], [1, 0]);
});

test('an announcement is told at once, without a beat', (t) => {
  const { beats, probes, replies } = watchFakes(t);
  beats.setTargets([target('b1')]);
  probes[0]!.good();
  probes[0]!.report({ type: 'announced', connection: 1, reply: draining });
  t.deepEqual(replies.at(-1)!.reply, draining);
  t.is(probes[0]!.sends.length, 1);
});

test('probe now asks at once and passes over unknown names', (t) => {
  const { beats, probes, clock } = watchFakes(t);
  beats.setTargets([target('b1')]);
  probes[0]!.good();
  clock.advance(500);
  beats.probeNow('b1');
  beats.probeNow('b1');
  beats.probeNow('nobody');
  t.is(probes[0]!.sends.length, 2);
});

test('when more than half fall silent together it suspects itself: an alarm, nobody dead, and a line when it is over', (t) => {
  const { beats, probes, clock, lines, changes } = watchFakes(t);
  beats.setTargets(['b1', 'b2', 'b3'].map((id) => target(id)));
  for (const probe of probes) probe.good();
  const answer = (): void => probes[2]!.good();
  for (let second = 0; second < 60; second += 1) {
    clock.advance(1_000);
    answer();
  }
  t.true(beats.suspectsItself);
  t.deepEqual(
    beats.all().map(({ state, dead }) => `${state} ${dead}`),
    ['down false', 'down false', 'up false'],
  );
  t.deepEqual(lines.filter(({ level }) => level >= 50).length, 1);
  probes[0]!.good();
  clock.advance(1_000);
  for (const probe of [probes[0]!, probes[2]!]) probe.good();
  t.false(beats.suspectsItself);
  t.is(lines.filter(({ level }) => level >= 50).length, 2);
  for (let second = 0; second < 11; second += 1) {
    clock.advance(1_000);
    for (const probe of [probes[0]!, probes[2]!]) probe.good();
  }
  t.deepEqual(changes.slice(3), ['b1: down', 'b2: down', 'b1: up', 'b2: down dead']);
});

test('refusals end the suspicion: the targets answer, if only to say no', (t) => {
  const { beats, clock, probes } = watchFakes(t);
  beats.setTargets(['b1', 'b2', 'b3'].map((id) => target(id)));
  for (const probe of probes) probe.good();
  clock.advance(5_000);
  t.true(beats.suspectsItself);
  for (const probe of probes.slice(1))
    probe.report({ type: 'refused', beat: probe.last.beat, why: 'refused' });
  t.false(beats.suspectsItself);
});

test('removing the silent targets ends the suspicion', (t) => {
  const { beats, clock, probes } = watchFakes(t);
  beats.setTargets(['b1', 'b2', 'b3'].map((id) => target(id)));
  for (const probe of probes) probe.good();
  clock.advance(5_000);
  t.true(beats.suspectsItself);
  beats.setTargets([target('b1')]);
  t.false(beats.suspectsItself);
});

test('new settings apply to all targets', (t) => {
  const { beats, probes, clock } = watchFakes(t, { settings: slow });
  beats.setTargets([target('b1')]);
  probes[0]!.good();
  beats.setSettings({ ...slow, intervalMs: 50 });
  clock.advance(500);
  t.is(beats.health('b1')!.state, 'down');
});

test('an answer that lies in the buffer when the next beat is due is read before the round is judged', (t) => {
  const waiting: (() => void)[] = [];
  const { beats, probes, clock } = watchFakes(t, { afterInput: (run) => waiting.push(run) });
  beats.setTargets([target('b1')]);
  probes[0]!.good();
  clock.advance(1_000);
  for (const run of waiting.splice(0)) run();
  t.is(probes[0]!.sends.length, 2);
  clock.advance(1_000);
  probes[0]!.good();
  for (const run of waiting.splice(0)) run();
  t.like(beats.health('b1'), { misses: 0 });
  t.is(probes[0]!.sends.length, 3);
});

test('why a target is not up is told, but not again and again', (t) => {
  const { beats, probes, clock, lines } = watchFakes(t);
  beats.setTargets([target('b1')]);
  for (let n = 0; n < 200; n += 1) {
    probes[0]!.report({ type: 'failed', beat: probes[0]!.last.beat, why: `reason ${n % 2}` });
    clock.advance(100);
  }
  t.deepEqual(
    lines.map(({ msg }) => msg),
    ['b1 is not up yet: reason 0', 'b1 is not up yet: reason 1'],
  );
});

test('whoever is told may change the targets in that moment', (t) => {
  const { beats, probes } = watchFakes(t, { onChange: () => beats.setTargets([]) });
  beats.setTargets([target('b1')]);
  probes[0]!.good();
  t.deepEqual(beats.all(), []);
});

test('close ends probes and timers', (t) => {
  const { beats, probes, clock } = watchFakes(t);
  beats.setTargets([target('b1'), target('b2')]);
  beats.close();
  beats.close();
  t.true(probes.every(({ closed }) => closed));
  t.is(clock.pending, 0);
});

test('a real node is up, answers over one connection, and its announcement arrives between beats', async (t) => {
  const { server, endpoint: at } = await serve(t);
  let reply = serving;
  const responder = createResponder({ server, reply: () => reply, intervalMs: () => slow.intervalMs });
  const { beats, replies } = watch(t, { settings: slow });
  beats.setTargets([{ id: 'b1', probe: { kind: 'headgate', node: 'b1', endpoint: at } }]);
  await until(() => beats.health('b1')?.state === 'up', 'up');
  t.deepEqual(responder.beatingNodes(), ['d1']);
  reply = draining;
  responder.announce();
  // The next beat is ten minutes away.
  await until(() => replies.at(-1)?.reply?.services['chat']?.state === 'draining', 'the announcement');
  t.true(await responder.whenTold(10_000));
  t.is(server.stats().accepted, 1);
});

test('a node added before it listens is up once it does', async (t) => {
  const at = await deadEndpoint();
  const { beats } = watch(t, { settings: slow });
  beats.setTargets([{ id: 'b1', probe: { kind: 'headgate', node: 'b1', endpoint: at } }]);
  await until(() => beats.health('b1')?.lastFailure !== '', 'a refusal');
  t.is(beats.health('b1')?.state, 'unknown');
  const server = createControlServer({ key, cluster: 'chat', node: 'b1', log: memoryLog().log });
  t.teardown(async () => server.close());
  createResponder({ server, reply: () => serving, intervalMs: () => slow.intervalMs });
  await server.listen(at);
  // The interval is ten minutes: only the tries of an unknown target can find it.
  await until(() => beats.health('b1')?.state === 'up', 'up');
});

test('a node with another key stays unknown, and both key ids are told', async (t) => {
  const { endpoint: at } = await serve(t, { key: otherKey });
  const { beats, lines } = watch(t, { settings: slow });
  beats.setTargets([{ id: 'b1', probe: { kind: 'headgate', node: 'b1', endpoint: at } }]);
  await until(() => lines.length > 0, 'the line');
  t.true(lines[0]!.msg.startsWith(`b1 is not up yet: our key id is ${key.id}, the one of `));
  t.true(lines[0]!.msg.endsWith(` is ${otherKey.id}`));
});

test('another node at the control port of a target is not the target, and who answers is told', async (t) => {
  const { server, endpoint: at } = await serve(t);
  const responder = createResponder({ server, reply: () => serving, intervalMs: () => slow.intervalMs });
  const connected: string[] = [];
  const { beats, changes, lines } = watch(t, { settings: slow, onConnection: (id) => connected.push(id) });
  beats.setTargets([{ id: 'b2', probe: { kind: 'headgate', node: 'b2', endpoint: at } }]);
  // It is tried again and again, for b2 may start at any moment.
  await until(() => server.stats().accepted > 2, 'some tries');
  t.is(beats.health('b2')?.state, 'unknown');
  t.regex(beats.health('b2')?.lastFailure ?? '', /^b1 answers at 127\.20\.0\.1:\d+ instead of b2$/);
  t.regex(lines[0]!.msg, /^b2 is not up yet: b1 answers at /);
  t.deepEqual([changes, connected, responder.beatingNodes()], [[], [], []]);
  beats.setTargets([{ id: 'b2', probe: { kind: 'headgate', node: 'b1', endpoint: at } }]);
  await until(() => beats.health('b2')?.state === 'up', 'the node that is there to be a new target');
});

test('a node in whose place another one answers is down and dead at once, as its process is gone', async (t) => {
  const before = await serve(t);
  const after = await serve(t, { node: 'b2' });
  for (const { server } of [before, after])
    createResponder({ server, reply: () => serving, intervalMs: () => slow.intervalMs });
  let there = before.endpoint;
  const at = await bareServer(t, (socket) => {
    const onward = connect({ ...there });
    onward.on('error', () => socket.destroy()).on('close', () => socket.destroy());
    socket.on('close', () => onward.destroy());
    socket.pipe(onward).pipe(socket);
  });
  const { beats, changes } = watch(t, { settings: slow });
  beats.setTargets([{ id: 'b1', probe: { kind: 'headgate', node: 'b1', endpoint: at } }]);
  await until(() => beats.health('b1')?.state === 'up', 'up');
  there = after.endpoint;
  await before.server.close();
  await until(() => beats.health('b1')?.state === 'down', 'down');
  t.like(beats.health('b1'), { dead: true, misses: 0 });
  t.regex(beats.health('b1')?.lastFailure ?? '', /^b2 answers at /);
  t.deepEqual(changes, ['b1: up', 'b1: down dead']);
});

test('a malformed answer is no good beat', async (t) => {
  const { server, endpoint: at } = await serve(t);
  server.handle('heartbeat', () => ({ fine: true }));
  const { beats } = watch(t, { settings: slow });
  beats.setTargets([{ id: 'b1', probe: { kind: 'headgate', node: 'b1', endpoint: at } }]);
  await until(() => beats.health('b1')?.lastFailure !== '', 'the failure');
  t.like(beats.health('b1'), { state: 'unknown', lastFailure: 'its answer is not a heartbeat reply' });
});

test('a killed process is down and dead at once, long before the next beat is due', async (t) => {
  const { child, endpoint: at } = await spawnNode(t, '127.20.1.2');
  const { beats, changes } = watch(t, { settings: slow });
  beats.setTargets([{ id: 'b1', probe: { kind: 'headgate', node: 'b1', endpoint: at } }]);
  await until(() => beats.health('b1')?.state === 'up', 'up');
  child.kill('SIGKILL');
  await until(() => beats.health('b1')?.dead === true, 'dead');
  t.deepEqual(changes, ['b1: up', 'b1: down dead']);
  t.is(beats.health('b1')?.misses, 0);
});

test('a stopped process is down after three misses, up after two good beats, and dead when it is killed while stopped', async (t) => {
  const { child, endpoint: at } = await spawnNode(t, '127.20.1.3');
  const { beats, changes, lines } = watch(t, { settings: quick });
  beats.setTargets([{ id: 'b1', probe: { kind: 'headgate', node: 'b1', endpoint: at } }]);
  await until(() => beats.health('b1')?.state === 'up', 'up');
  child.kill('SIGSTOP');
  await until(() => beats.health('b1')?.state === 'down', 'down');
  t.true(lines.some(({ msg }) => msg.startsWith('b1 is down: 3 misses')));
  child.kill('SIGCONT');
  await until(() => beats.health('b1')?.state === 'up', 'up again');
  child.kill('SIGSTOP');
  await until(() => beats.health('b1')?.state === 'down', 'down again');
  t.false(beats.health('b1')!.dead);
  child.kill('SIGKILL');
  await until(() => beats.health('b1')?.dead === true, 'dead');
  t.deepEqual(changes, ['b1: up', 'b1: down', 'b1: up', 'b1: down', 'b1: down dead']);
});

test.serial('heartbeats leave no descriptor behind, whatever state their targets are in', async (t) => {
  const { server, endpoint: at } = await serve(t);
  createResponder({ server, reply: () => serving, intervalMs: () => quick.intervalMs });
  const mute = await serve(t);
  mute.server.handle('heartbeat', async () => new Promise(() => undefined));
  const refusing = await deadEndpoint();
  const before = descriptors();
  const { beats } = watch(t, { settings: quick });
  beats.setTargets(
    [at, mute.endpoint, refusing].map((one, n) => ({
      id: `b${n}`,
      probe: { kind: 'headgate', node: 'b1', endpoint: one },
    })),
  );
  await until(() => beats.health('b0')?.state === 'up' && mute.server.stats().accepted > 2, 'some rounds');
  beats.close();
  await until(() => descriptors() === before, 'descriptors return to where they were');
  t.is(server.stats().open, 0);
});
