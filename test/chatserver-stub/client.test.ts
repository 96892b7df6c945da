import test from 'ava';
import { ChatClient, type ChatClientOptions, type ServerMessage } from '../../chatserver-stub/index.ts';
import type { HeadgateError } from '../../lib/errors/index.ts';
import type { Teardown } from '../processes.ts';
import { until } from '../until.ts';
import { Cutter, linked, startCluster, Talker } from './helpers.ts';

interface Watched {
  readonly client: ChatClient;
  readonly received: ServerMessage[];
  readonly welcomes: { server: string; again: boolean }[];
  readonly losses: { why: string; retryMs: number }[];
  readonly ends: HeadgateError[];
}

function watched(
  t: Teardown,
  options: Omit<ChatClientOptions, 'welcome' | 'received' | 'lost' | 'ended'>,
): Watched {
  const received: ServerMessage[] = [];
  const welcomes: Watched['welcomes'] = [];
  const losses: Watched['losses'] = [];
  const ends: HeadgateError[] = [];
  const client = new ChatClient({
    firstRetryMs: 20,
    longestRetryMs: 200,
    ...options,
    received: (message) => void received.push(message),
    welcome: ({ server }, again) => void welcomes.push({ server, again }),
    lost: (why, retryMs) => void losses.push({ why, retryMs }),
    ended: (error) => void ends.push(error),
  });
  t.teardown(() => client.close());
  return { client, received, welcomes, losses, ends };
}

const connected = async ({ client }: Watched): Promise<unknown> =>
  until(() => client.connected, { describe: `${client.name} to be connected`, everyMs: 5 });

test('what is said while the connection breaks again and again arrives once and in order', async (t) => {
  const servers = await startCluster(t, ['127.60.6.1', '127.60.6.2']);
  await linked(servers);
  const cutter = new Cutter(t);
  const port = await cutter.listen('127.60.6.3');
  cutter.target = servers[0]!.endpoint;
  const bob = new Talker(t, servers[0]!.endpoint);
  const cy = new Talker(t, servers[1]!.endpoint);
  await bob.login('bob');
  await cy.login('cy');
  const ann = watched(t, { host: '127.60.6.3', port, name: 'ann' });
  await connected(ann);
  const says: Promise<void>[] = [];
  for (let round = 1; round <= 10; round++) {
    for (let text = 1; text <= 20; text++) says.push(ann.client.say(`${round}-${text}`));
    await bob.hears({ type: 'message', text: `${round}-1` });
    // Each time to the other chat server.
    cutter.target = servers[round % 2]!.endpoint;
    cutter.cut();
    await until(() => ann.welcomes.length > round, { describe: 'the reconnect', everyMs: 5 });
  }
  await Promise.all(says);
  const wanted = Array.from(
    { length: 200 },
    (_, index) => `${Math.floor(index / 20) + 1}-${(index % 20) + 1}`,
  );
  for (const listener of [bob, cy]) {
    t.deepEqual(
      listener.all({ type: 'message' }).map((message) => 'text' in message && message.text),
      wanted,
    );
  }
  t.is(ann.losses.length, 10);
  t.deepEqual(new Set(ann.welcomes.map(({ server }) => server)), new Set(['c1', 'c2']));
  t.deepEqual(
    ann.welcomes.map(({ again }) => again),
    ann.welcomes.map((_, index) => index > 0),
  );
});

test('it keeps trying while nobody answers, with growing pauses, and comes back', async (t) => {
  const [c1] = await startCluster(t, ['127.60.6.4']);
  const cutter = new Cutter(t);
  const port = await cutter.listen('127.60.6.5');
  cutter.target = c1!.endpoint;
  const ann = watched(t, { host: '127.60.6.5', port, name: 'ann', random: () => 0 });
  await connected(ann);
  cutter.refusing = true;
  cutter.cut();
  await until(() => ann.losses.length >= 5, { describe: 'some attempts' });
  t.deepEqual(
    ann.losses.slice(0, 5).map(({ retryMs }) => retryMs),
    [20, 40, 80, 160, 200],
  );
  cutter.refusing = false;
  await connected(ann);
  t.deepEqual(ann.welcomes.at(-1), { server: 'c1', again: true });
});

test('a tell to nobody and a text that is none are refused; the client goes on', async (t) => {
  const [c1] = await startCluster(t, ['127.60.6.6']);
  const ann = watched(t, { ...c1!.endpoint, name: 'ann' });
  const nobody = await t.throwsAsync(ann.client.tell('zoe', 'psst'));
  t.like(nobody, { code: 'HEADGATE_CHAT_REFUSED', facts: { code: 'no-such-person' } });
  await t.throwsAsync(ann.client.say('two\nlines'), { code: 'HEADGATE_CHAT_REFUSED' });
  await t.throwsAsync(ann.client.say('x'.repeat(5_000)), { code: 'HEADGATE_CHAT_REFUSED' });
  await ann.client.tell('ann', 'note to self');
  t.deepEqual(await ann.client.who(), { people: [{ name: 'ann', server: 'c1' }], total: 1 });
  t.deepEqual(ann.received, [{ type: 'told', from: 'ann', server: 'c1', text: 'note to self' }]);
  t.is(ann.client.unacknowledged, 0);
});

test('a name that is taken ends it; so does the same session elsewhere', async (t) => {
  const [c1] = await startCluster(t, ['127.60.6.7']);
  const ann = watched(t, { ...c1!.endpoint, name: 'ann', session: 'one' });
  await connected(ann);
  const other = watched(t, { ...c1!.endpoint, name: 'ann', session: 'two' });
  await until(() => other.ends.length > 0, { describe: 'the refusal' });
  t.is(other.ends[0]!.code, 'HEADGATE_CHAT_NAME_TAKEN');
  const again = watched(t, { ...c1!.endpoint, name: 'ann', session: 'one' });
  await connected(again);
  await until(() => ann.ends.length > 0, { describe: 'the end of the first' });
  t.is(ann.ends[0]!.code, 'HEADGATE_CHAT_REFUSED');
  t.true(again.client.connected);
});

test('what waits is refused when the client is closed, and nothing more is taken', async (t) => {
  const [c1] = await startCluster(t, ['127.60.6.8']);
  const ann = watched(t, { ...c1!.endpoint, name: 'ann' });
  const said = ann.client.say('never connected');
  const who = ann.client.who();
  ann.client.close();
  await t.throwsAsync(said, { code: 'HEADGATE_CHAT_CLOSED' });
  await t.throwsAsync(who, { code: 'HEADGATE_CHAT_CLOSED' });
  await t.throwsAsync(ann.client.say('too late'), { code: 'HEADGATE_CHAT_CLOSED' });
  t.deepEqual(ann.ends, []);
});

test('a client that says too much without an answer is stopped', async (t) => {
  const ann = watched(t, { host: '127.60.6.9', port: 1, name: 'ann', persistent: true });
  const says = Array.from({ length: 1_001 }, () => ann.client.say('hi'));
  const fates = Promise.allSettled(says);
  await t.throwsAsync(says.at(-1)!, { code: 'HEADGATE_CHAT_BACKLOG_FULL' });
  ann.client.close();
  t.is((await fates).length, 1_001);
});

test('what answers but is no chat server ends the first attempt', async (t) => {
  const [c1] = await startCluster(t, ['127.60.6.10']);
  const ann = watched(t, { host: '127.60.6.10', port: c1!.controlPort, name: 'ann' });
  await until(() => ann.ends.length > 0, { describe: 'the end' });
  t.is(ann.ends[0]!.code, 'HEADGATE_CHAT_CONNECT');
  t.regex(ann.ends[0]!.message, /not a chat server/);
});
