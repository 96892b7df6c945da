import test from 'ava';
import { HeadgateError, isHeadgateError } from '../../../lib/errors/index.ts';
import type { ControlPeer, Json } from '../../../lib/control/index.ts';
import { join, serve } from './helpers.ts';
import { until } from '../../until.ts';
import { ManualClock } from '../../manual-clock.ts';

test('a request is answered with what the handler returns, which knows who asks', async (t) => {
  const { server, endpoint } = await serve(t);
  server.handle('add', (body, peer) => ({
    sum: (body as number[])[0]! + (body as number[])[1]!,
    by: peer.identity.node,
  }));
  server.handle('later', async (body) => {
    await new Promise((resolve) => setImmediate(resolve));
    return body;
  });
  const connection = await join(t, endpoint);
  t.deepEqual(await connection.request('add', [2, 3], 10_000), { sum: 5, by: 'd1' });
  t.deepEqual(await connection.request('later', { ü: ['€', null, -1.5e-7] }, 10_000), {
    ü: ['€', null, -1.5e-7],
  });
});

test('answers find their requests, in whatever order they come', async (t) => {
  const { server, endpoint } = await serve(t);
  const waiting: (() => void)[] = [];
  server.handle('echo', async (body) => new Promise((resolve) => waiting.push(() => resolve(body))));
  const connection = await join(t, endpoint);
  const answers = Promise.all([1, 2, 3].map(async (n) => connection.request('echo', n, 10_000)));
  await until(() => waiting.length === 3, 'three requests');
  for (const answer of waiting.reverse()) answer();
  t.deepEqual(await answers, [1, 2, 3]);
});

test('one-way messages arrive in order in both directions', async (t) => {
  const { server, endpoint } = await serve(t);
  const heard: Json[] = [];
  let peer: ControlPeer | undefined;
  server.handle('tell', (body, from) => {
    peer = from;
    heard.push(body);
    return null;
  });
  const connection = await join(t, endpoint);
  const pushed: string[] = [];
  connection.onNotify((method, body) => pushed.push(`${method} ${JSON.stringify(body)}`));
  const numbers = Array.from({ length: 50 }, (_, n) => n);
  t.true(numbers.every((n) => connection.notify('tell', n)));
  t.true(connection.notify('no-such-thing', null));
  await until(() => heard.length === 50, 'all messages');
  t.deepEqual(heard, numbers);
  let flushed = 0;
  for (const n of numbers) t.true(peer!.notify('push', n, () => (flushed += 1)));
  await until(() => pushed.length === 50, 'all pushes');
  t.deepEqual(
    pushed,
    numbers.map((n) => `push ${n}`),
  );
  t.is(flushed, 50);
});

test('an unknown method and a failing handler are answered with an error; the failure is logged once', async (t) => {
  const { server, endpoint, lines } = await serve(t);
  server.handle('fail', () => {
    throw new HeadgateError('HEADGATE_CONTROL_TOO_LARGE', 'far too much', { cure: 'take less' });
  });
  server.handle('break', async () => Promise.reject(new Error('oh no')));
  const connection = await join(t, endpoint);
  const unknown = await t.throwsAsync(connection.request('nothing', null, 10_000));
  t.true(isHeadgateError(unknown, 'HEADGATE_CONTROL_REFUSED_REQUEST'));
  t.deepEqual((unknown as HeadgateError).facts, { peerCode: 'HEADGATE_CONTROL_UNKNOWN_METHOD' });
  const failed = (await t.throwsAsync(connection.request('fail', null, 10_000))) as HeadgateError;
  t.regex(failed.message, /: far too much$/);
  t.is(failed.cure, 'take less');
  t.deepEqual(failed.facts, { peerCode: 'HEADGATE_CONTROL_TOO_LARGE' });
  const broken = (await t.throwsAsync(connection.request('break', null, 10_000))) as HeadgateError;
  t.regex(broken.message, /: oh no$/);
  await t.throwsAsync(connection.request('break', null, 10_000));
  t.is(lines.filter((line) => line.msg.includes('request break failed: oh no')).length, 1);
});

test('an answer too large for a frame becomes an error, and the connection stays', async (t) => {
  const { server, endpoint } = await serve(t);
  server.handle('much', (body) => 'x'.repeat(body as number));
  const connection = await join(t, endpoint);
  const error = (await t.throwsAsync(connection.request('much', 1_100_000, 10_000))) as HeadgateError;
  t.deepEqual(error.facts, { peerCode: 'HEADGATE_CONTROL_TOO_LARGE' });
  t.is(((await connection.request('much', 1_000_000, 10_000)) as string).length, 1_000_000);
  await t.throwsAsync(connection.request('much', 'x'.repeat(1_100_000), 10_000), {
    code: 'HEADGATE_CONTROL_TOO_LARGE',
  });
  t.is(await connection.request('much', 0, 10_000), '');
});

test('large bodies pass whole in both directions', async (t) => {
  const { server, endpoint } = await serve(t);
  server.handle('echo', (body) => body);
  const connection = await join(t, endpoint);
  const body = Array.from({ length: 60_000 }, (_, n) => n);
  t.deepEqual(await connection.request('echo', body, 10_000), body);
});

test('an unanswered request times out and its late answer harms nothing', async (t) => {
  const { server, endpoint } = await serve(t);
  let answer: (() => void) | undefined;
  server.handle('slow', async () => new Promise((resolve) => (answer = () => resolve('late'))));
  server.handle('quick', () => 'quick');
  const clock = new ManualClock();
  const connection = await join(t, endpoint, { clock });
  const slow = t.throwsAsync(connection.request('slow', null, 500), { code: 'HEADGATE_CONTROL_TIMEOUT' });
  await until(() => answer !== undefined, 'the request');
  clock.advance(500);
  await slow;
  answer!();
  t.is(await connection.request('quick', null, 10_000), 'quick');
});

test('a peer may have only so many requests in flight; the client says so before it asks, the server answers busy', async (t) => {
  const { server, endpoint } = await serve(t);
  const waiting: (() => void)[] = [];
  server.handle('hold', async () => new Promise((resolve) => waiting.push(() => resolve(null))));
  const polite = await join(t, endpoint);
  const held = Array.from({ length: 64 }, async () => polite.request('hold', null, 10_000));
  await t.throwsAsync(polite.request('hold', null, 10_000), { code: 'HEADGATE_CONTROL_BUSY' });
  const rude = await join(t, endpoint, { limits: { requestsPerPeer: 1_000 } });
  const asked = Array.from({ length: 65 }, async () => rude.request('hold', null, 10_000));
  const error = (await t.throwsAsync(asked[64]!)) as HeadgateError;
  t.deepEqual(error.facts, { peerCode: 'HEADGATE_CONTROL_BUSY' });
  await until(() => waiting.length === 128, 'all others');
  for (const answer of waiting) answer();
  await Promise.all([...held, ...asked.slice(0, 64)]);
  t.pass();
});

test('a reader that stops costs a bounded queue: its messages are dropped and counted', async (t) => {
  const { server, endpoint } = await serve(t);
  let peer: ControlPeer | undefined;
  server.handle('here', (_body, from) => {
    peer = from;
    return null;
  });
  const connection = await join(t, endpoint, { limits: { silenceMs: 600_000 } });
  await connection.request('here', null, 10_000);
  let heard = 0;
  connection.onNotify(() => (heard += 1));
  const body = 'x'.repeat(100_000);
  let sent = 0;
  // Nothing is read meanwhile: this loop gives the event loop no turn.
  while (sent < 1_000 && peer!.notify('push', body)) sent += 1;
  t.true(sent < 100, `${sent} messages of 100 kB were queued`);
  t.is(server.stats().droppedMessages, 1);
  await until(() => heard === sent, 'what was queued arrives');
  t.true(peer!.notify('push', 'again'));
  await until(() => heard === sent + 1, 'it goes on');
});

test('a peer that does not read its answers is closed', async (t) => {
  const { server, endpoint } = await serve(t);
  server.handle('much', () => 'x'.repeat(1_000_000));
  const connection = await join(t, endpoint, { limits: { requestsPerPeer: 64 } });
  const reason = new Promise((resolve) => connection.onClose(resolve));
  const answers = await Promise.allSettled(
    Array.from({ length: 64 }, async () => connection.request('much', null, 10_000)),
  );
  t.true(
    answers.some(
      (answer) => answer.status === 'rejected' && isHeadgateError(answer.reason, 'HEADGATE_CONTROL_CLOSED'),
    ),
  );
  t.true(['ended', 'reset', 'protocol'].includes((await reason) as string));
  t.true(server.stats().droppedMessages > 0);
});

test('connections beyond the limits are refused with a clear error and counted', async (t) => {
  const { server, endpoint } = await serve(t, { limits: { peersPerRemote: 2 } });
  const first = await join(t, endpoint);
  await join(t, endpoint);
  await t.throwsAsync(join(t, endpoint), {
    code: 'HEADGATE_CONTROL_BUSY',
    message: /2 control connections from 127\.\d+\.\d+\.\d+ are open already/,
  });
  t.is(server.stats().refusedLimit, 1);
  first.close();
  await until(() => server.stats().open === 1, 'room for one');
  await join(t, endpoint);
  const small = await serve(t, { limits: { peers: 1 } });
  await join(t, small.endpoint);
  await t.throwsAsync(join(t, small.endpoint), {
    code: 'HEADGATE_CONTROL_BUSY',
    message: /1 control connections are open/,
  });
});

test('a silent peer is closed; one that pings is not', async (t) => {
  const clock = new ManualClock();
  const { server, endpoint } = await serve(t, { clock });
  const talker = new ManualClock();
  const awake = await join(t, endpoint, { clock: talker });
  const silent = await join(t, endpoint);
  const ends: string[] = [];
  awake.onClose((reason) => ends.push(`awake ${reason}`));
  silent.onClose((reason) => ends.push(`silent ${reason}`));
  for (let third = 0; third < 3; third += 1) {
    talker.advance(20_000);
    // The answer to a ping comes after it, so a request that follows shows that the ping was read.
    await awake.request('ping', null, 10_000);
    clock.advance(20_000);
  }
  await until(() => ends.length > 0, 'the silent one is closed');
  t.deepEqual(ends, ['silent ended']);
  t.is(server.stats().timedOut, 1);
});

test('a client whose server says nothing any more closes the connection', async (t) => {
  const { endpoint, server } = await serve(t);
  server.handle('hold', async () => new Promise(() => undefined));
  const clock = new ManualClock();
  const connection = await join(t, endpoint, { clock });
  const reason = new Promise((resolve) => connection.onClose(resolve));
  const held = t.throwsAsync(connection.request('hold', null, 1_000_000), {
    code: 'HEADGATE_CONTROL_CLOSED',
  });
  // No turn of the event loop in between: no answer to the pings can arrive.
  clock.advance(60_000);
  t.is(await reason, 'timeout');
  await held;
});

test('onClose runs at once when the connection has ended, requests then reject and messages are refused', async (t) => {
  const { server, endpoint } = await serve(t);
  const closed: number[] = [];
  let peer: ControlPeer | undefined;
  server.handle('here', (_body, from) => {
    peer = from;
    from.onClose(() => closed.push(from.id));
    return null;
  });
  const connection = await join(t, endpoint);
  await connection.request('here', null, 10_000);
  connection.close();
  connection.close();
  let reason = '';
  connection.onClose((why) => (reason = why));
  t.is(reason, 'local');
  t.false(connection.notify('here', null));
  await t.throwsAsync(connection.request('here', null, 10_000), { code: 'HEADGATE_CONTROL_CLOSED' });
  await until(() => closed.length === 1, 'the server notices');
  peer!.onClose(() => closed.push(-1));
  t.deepEqual(closed, [peer!.id, -1]);
  t.false(peer!.notify('push', null));
});

test('what was queued before close still arrives', async (t) => {
  const { server, endpoint } = await serve(t);
  const heard: Json[] = [];
  server.handle('tell', (body) => {
    heard.push(body);
    return null;
  });
  const connection = await join(t, endpoint);
  for (let n = 0; n < 20; n += 1) connection.notify('tell', 'x'.repeat(20_000));
  connection.close();
  await until(() => heard.length === 20, 'all of them');
  t.pass();
});

test('close ends connections at every stage and may be called twice', async (t) => {
  const { server, endpoint } = await serve(t);
  const connection = await join(t, endpoint);
  const reason = new Promise((resolve) => connection.onClose(resolve));
  await Promise.all([server.close(), server.close()]);
  t.is(await reason, 'ended');
  t.is(server.stats().open, 0);
  await t.throwsAsync(join(t, endpoint), { code: 'HEADGATE_CONTROL_REFUSED' });
});

test('it listens on more than one endpoint, IPv6 too', async (t) => {
  const { server, endpoint } = await serve(t, { host: '::1' });
  await server.listen({ host: '127.20.0.9', port: 0 });
  server.handle('who', (_body, peer) => peer.remote);
  t.is(await (await join(t, endpoint)).request('who', null, 10_000), '::1');
  t.regex((await (await join(t, server.endpoints()[1]!)).request('who', null, 10_000)) as string, /^127\./);
});

test('two handlers for one method are a mistake of the program', async (t) => {
  const { server } = await serve(t);
  t.throws(() => server.handle('ping', () => null), { message: /has a handler already/ });
});
