import test from 'ava';
import type { ServerMessage } from '../../../chatserver-stub/index.ts';
import { connectControl, type ControlConnection } from '../../../lib/control/index.ts';
import { until } from '../../until.ts';
import { serve } from '../../lib/control/helpers.ts';
import type { Teardown } from '../../processes.ts';
import {
  chatServerEntry,
  Cutter,
  key,
  linked,
  startCluster,
  Talker,
  topologyOf,
  type ClusterOptions,
  type RunningChatServer,
} from '../helpers.ts';

/** Two chat servers whose control connections go through cutters. */
async function cuttablePair(
  t: Teardown,
  hosts: readonly [string, string],
  options: ClusterOptions = {},
): Promise<{ servers: RunningChatServer[]; cutters: Cutter[] }> {
  const cutters = [new Cutter(t), new Cutter(t)];
  // Cutter n stands in front of chat server n.
  const ports = await Promise.all(cutters.map((cutter, index) => cutter.listen(hosts[index] ?? hosts[0])));
  const servers = await startCluster(t, hosts, {
    ...options,
    way(from, to, port) {
      if (from === to) return port;
      const index = Number(to.slice(1)) - 1;
      const cutter = cutters[index];
      const host = hosts[index];
      if (cutter !== undefined && host !== undefined) cutter.target = { host, port };
      return ports[index] ?? port;
    },
  });
  await linked(servers);
  return { servers, cutters };
}

const texts = (messages: readonly ServerMessage[]): string[] =>
  messages.map((message) => ('text' in message ? message.text : ''));
const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `m${index + 1}`);

test('nothing is lost, doubled or out of order when the control connections break again and again', async (t) => {
  const { servers, cutters } = await cuttablePair(t, ['127.60.2.1', '127.60.2.2']);
  const [ann, bob] = servers.map(({ endpoint }) => new Talker(t, endpoint));
  await ann!.login('ann');
  await bob!.login('bob');
  const count = 300;
  for (let id = 1; id <= count; id++) {
    ann!.send({ type: 'say', text: `m${id}`, id });
    bob!.send({ type: 'say', text: `m${id}`, id });
    if (id % 30 === 0) {
      await bob!.hears({ type: 'message', text: `m${id - 20}` });
      for (const cutter of cutters) cutter.cut();
    }
  }
  await ann!.hears({ type: 'delivered', id: count });
  await bob!.hears({ type: 'delivered', id: count });
  t.deepEqual(texts(ann!.all({ type: 'message' })), numbered(count));
  t.deepEqual(texts(bob!.all({ type: 'message' })), numbered(count));
  const breaks = servers.map(({ node }) => node.status().counters['peerBreaks'] ?? 0);
  t.true(
    breaks.every((times) => times > 0),
    `the connections did break: ${breaks.join(', ')}`,
  );
  t.deepEqual(ann!.all({ type: 'left' }), [], 'and nobody was announced as gone');
});

test('a message is delivered only when every reachable chat server has it', async (t) => {
  const { servers, cutters } = await cuttablePair(t, ['127.60.2.3', '127.60.2.4']);
  const [ann, bob] = servers.map(({ endpoint }) => new Talker(t, endpoint));
  await ann!.login('ann');
  await bob!.login('bob');
  for (const cutter of cutters) cutter.refusing = true;
  for (const cutter of cutters) cutter.cut();
  await until(() => servers[0]!.node.status().counters['peerBreaks'] === 1, { describe: 'the break' });
  ann!.send({ type: 'say', text: 'm1', id: 1 });
  ann!.send({ type: 'ping' });
  await ann!.hears({ type: 'pong' });
  t.deepEqual(ann!.all({ type: 'delivered' }), []);
  for (const cutter of cutters) cutter.refusing = false;
  await ann!.hears({ type: 'delivered', id: 1 });
  await bob!.hears({ type: 'message' });
  t.deepEqual(texts(bob!.all({ type: 'message' })), ['m1']);
});

test('what a client sends behind its login waits until the name is its own', async (t) => {
  const { servers, cutters } = await cuttablePair(t, ['127.60.2.16', '127.60.2.17']);
  const bob = new Talker(t, servers[0]!.endpoint);
  await bob.login('bob');
  for (const cutter of cutters) cutter.refusing = true;
  for (const cutter of cutters) cutter.cut();
  await until(() => servers[0]!.node.status().counters['peerBreaks'] === 1, { describe: 'the break' });
  const ann = new Talker(t, servers[0]!.endpoint);
  ann.send('{"type":"login","name":"ann"}\n{"type":"say","text":"hi"}\n');
  await bob.hears({ type: 'message', from: 'ann' });
  t.deepEqual(
    bob.heard.slice(1).map(({ type }) => type),
    ['joined', 'message'],
  );
});

test('a chat server that stays away loses its people, and everybody is told anew when it returns', async (t) => {
  const { servers, cutters } = await cuttablePair(t, ['127.60.2.5', '127.60.2.6'], {
    topology: { heartbeat: { intervalMs: 50, misses: 3, rises: 2, deadAfterMs: 400 } },
  });
  const [ann, bob] = servers.map(({ endpoint }) => new Talker(t, endpoint));
  await ann!.login('ann');
  await bob!.login('bob');
  await ann!.hears({ type: 'joined', name: 'bob' });
  for (const cutter of cutters) cutter.refusing = true;
  for (const cutter of cutters) cutter.cut();
  await ann!.hears({ type: 'left', name: 'bob', server: 'c2' });
  await bob!.hears({ type: 'left', name: 'ann', server: 'c1' });
  // Both names are free on the other side now; the older claim wins when the two meet again.
  const other = new Talker(t, servers[1]!.endpoint);
  await other.login('ann');
  const cy = new Talker(t, servers[0]!.endpoint);
  await cy.login('cy');
  for (const cutter of cutters) cutter.refusing = false;
  await ann!.hears({ type: 'joined', name: 'bob' }, 2);
  await bob!.hears({ type: 'joined', name: 'cy' });
  await other.hears({ type: 'bye', code: 'name-taken' });
  await bob!.hears({ type: 'joined', name: 'ann', server: 'c1' });
  ann!.send({ type: 'say', text: 'back', id: 1 });
  await bob!.hears({ type: 'message', text: 'back' });
  t.is(ann!.end, undefined);
});

test('a chat server added to the topology takes part, one removed does until it is gone', async (t) => {
  const servers = await startCluster(t, ['127.60.2.7', '127.60.2.8', '127.60.2.9']);
  await linked(servers);
  const entries = servers.map(({ name, host, controlPort }) => chatServerEntry(name, host, controlPort));
  const [ann, bob, cy] = servers.map(({ endpoint }) => new Talker(t, endpoint));
  await ann!.login('ann');
  await bob!.login('bob');
  await cy!.login('cy');
  // c3 is removed: the three still chat.
  const two = topologyOf(entries.slice(0, 2));
  for (const { node } of servers) await node.apply(two);
  cy!.send({ type: 'say', text: 'still here', id: 1 });
  await ann!.hears({ type: 'message', from: 'cy', server: 'c3' });
  ann!.send({ type: 'say', text: 'so we see', id: 1 });
  await cy!.hears({ type: 'message', from: 'ann', text: 'so we see' });
  t.true(servers[2]!.node.status().draining);
  // Its process ends; nobody waits for it.
  cy!.socket.end();
  await servers[2]!.node.close();
  await servers[2]!.control.close();
  await ann!.hears({ type: 'left', name: 'cy' });
  ann!.send({ type: 'say', text: 'two of us', id: 2 });
  await ann!.hears({ type: 'delivered', id: 2 });
  await bob!.hears({ type: 'message', text: 'two of us' });
});

test('a chat server whose process is gone is not waited for long', async (t) => {
  const servers = await startCluster(t, ['127.60.2.10', '127.60.2.11']);
  await linked(servers);
  const ann = new Talker(t, servers[0]!.endpoint);
  await ann.login('ann');
  await servers[1]!.control.close();
  ann.send({ type: 'say', text: 'hello?', id: 1 });
  await ann.hears({ type: 'delivered', id: 1 });
  t.is(servers[0]!.node.status().counters['peerEventsLost'], 1);
});

test('another node at the control port of a chat server is not taken for it', async (t) => {
  const host = '127.60.2.41';
  const other = await serve(t, { key, node: 'c9', host });
  let asked = 0;
  other.server.handle('chat-hello', () => {
    asked += 1;
    return { incarnation: 'x', people: true, others: [] };
  });
  const [c1] = await startCluster(t, ['127.60.2.40']);
  const own = chatServerEntry('c1', c1!.host, c1!.controlPort);
  await c1!.node.apply(topologyOf([own, chatServerEntry('c2', host, other.endpoint.port)]));
  await until(() => other.server.stats().accepted > 2, { describe: 'some tries' });
  const ann = new Talker(t, c1!.endpoint);
  await ann.login('ann');
  ann.send({ type: 'say', text: 'alone', id: 1 });
  await ann.hears({ type: 'delivered', id: 1 });
  t.is(asked, 0);
});

test('chat servers with foreign probes are no peers', async (t) => {
  const servers = await startCluster(t, ['127.60.2.12', '127.60.2.13'], {
    entry: { probe: { kind: 'off' } },
  });
  const [ann, bob] = servers.map(({ endpoint }) => new Talker(t, endpoint));
  await ann!.login('ann');
  await bob!.login('ann');
  t.is(servers[0]!.node.status().counters['peerSyncs'], 0);
});

test('only chat servers of the topology may send events, and only what they may say', async (t) => {
  const [c1] = await startCluster(t, ['127.60.2.14']);
  const as = async (node: string): Promise<ControlConnection> => {
    const endpoint = { host: '127.60.2.14', port: c1!.controlPort };
    const connection = await connectControl({ endpoint, key, cluster: 'chat', node, timeoutMs: 10_000 });
    t.teardown(() => connection.close());
    return connection;
  };
  const refusedAs = async (asked: Promise<unknown>, message: RegExp): Promise<void> => {
    const error = await t.throwsAsync(asked);
    t.regex(error?.message ?? '', message);
  };
  const stranger = await as('b1');
  await refusedAs(stranger.request('chat-hello', { incarnation: 'x' }, 10_000), /not another chat server/);
  const itself = await as('c1');
  await refusedAs(itself.request('chat-hello', { incarnation: 'x' }, 10_000), /not another chat server/);

  await c1!.node.apply(
    topologyOf([
      chatServerEntry('c1', '127.60.2.14', c1!.controlPort),
      chatServerEntry('c2', '127.60.2.15', 1),
    ]),
  );
  const peer = await as('c2');
  const hello = { incarnation: 'x' };
  t.like(await peer.request('chat-hello', hello, 10_000), { people: false });
  const told = { ...hello, part: 0, last: true, base: 0, people: [] };
  t.is(await peer.request('chat-people', told, 10_000), null);
  const say = { kind: 'say', from: 'ann', session: 's', text: '\u001b[2J', id: null };
  const events = { ...hello, from: 1, events: [say] };
  await refusedAs(peer.request('chat-events', events, 10_000), /bad text/);
  await refusedAs(peer.request('chat-events', { ...events, events: 'many' }, 10_000), /bad events/);
  await refusedAs(peer.request('chat-hello', null, 10_000), /bad body/);
});
