import test from 'ava';
import { createHeartbeats, type Heartbeats } from '../../lib/heartbeat/index.ts';
import type { Teardown } from '../processes.ts';
import { until } from '../until.ts';
import {
  chatServerEntry,
  key,
  quiet,
  startCluster,
  Talker,
  topologyOf,
  type RunningChatServer,
} from './helpers.ts';

/** Beats a chat server as a balancer does. */
function beat(t: Teardown, { host, controlPort }: RunningChatServer, intervalMs = 200): Heartbeats {
  const heartbeats = createHeartbeats({
    identity: { key, cluster: 'chat', node: 'b1' },
    settings: { intervalMs, misses: 3, rises: 2, deadAfterMs: 10_000 },
    log: quiet,
    onChange: () => undefined,
  });
  t.teardown(() => heartbeats.close());
  const endpoint = { host, port: controlPort };
  heartbeats.setTargets([{ id: 'c1', probe: { kind: 'headgate', node: 'c1', endpoint } }]);
  return heartbeats;
}

const says = async (heartbeats: Heartbeats, state: string, connections: number): Promise<unknown> =>
  until(
    () => {
      const reply = heartbeats.health('c1')?.reply?.services['chat'];
      return reply?.state === state && reply.connections === connections;
    },
    { describe: `the heartbeat to say ${state} with ${connections} connections` },
  );

test('balancers hear when it serves, is full, drains by topology, and how many are connected', async (t) => {
  const [c1] = await startCluster(t, ['127.60.8.1'], { mostConnections: 1 });
  const heartbeats = beat(t, c1!);
  await says(heartbeats, 'serving', 0);
  const ann = new Talker(t, c1!.endpoint);
  await ann.login('ann');
  await says(heartbeats, 'full', 1);
  ann.socket.end();
  await says(heartbeats, 'serving', 0);
  const entry = chatServerEntry('c1', c1!.host, c1!.controlPort, { state: 'drain' });
  await c1!.node.apply(topologyOf([entry], { hash: 'feedfeedfeedfeed' }));
  await says(heartbeats, 'draining', 0);
  await until(() => heartbeats.health('c1')?.reply?.topology === 'feedfeedfeedfeed', {
    describe: 'the new hash',
  });
  t.false(c1!.node.status().connections > 0);
});

test('a chat server that drains tells its balancers and then stops listening', async (t) => {
  const [c1] = await startCluster(t, ['127.60.8.2']);
  const heartbeats = beat(t, c1!);
  await says(heartbeats, 'serving', 0);
  const drained = c1!.node.drain();
  await says(heartbeats, 'draining', 0);
  await drained;
  const late = new Talker(t, c1!.endpoint);
  t.is(await late.ended(), 'reset');
});

test('a chat server that drains goes on accepting until its balancers have been told', async (t) => {
  // Three intervals are minutes: only the balancers can end the wait.
  const heartbeat = { intervalMs: 60_000, misses: 3, rises: 1, deadAfterMs: 10_000 };
  let tell = (): void => {};
  const told = new Promise<void>((resolve) => (tell = resolve));
  const [c1] = await startCluster(t, ['127.60.8.3'], { topology: { heartbeat }, told });
  const heartbeats = beat(t, c1!, heartbeat.intervalMs);
  await says(heartbeats, 'serving', 0);
  const drained = c1!.node.drain();
  await until(() => heartbeats.health('c1')?.reply?.services['chat']?.state === 'draining', {
    describe: 'the heartbeat to say draining',
  });
  const early = new Talker(t, c1!.endpoint);
  await early.login('early');
  early.socket.end();
  await early.ended();
  tell();
  await drained;
  const late = new Talker(t, c1!.endpoint);
  t.is(await late.ended(), 'reset');
});
