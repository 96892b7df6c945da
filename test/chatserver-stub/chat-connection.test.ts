import net from 'node:net';
import test from 'ava';
import { ChatConnection } from '../../chatserver-stub/chat-connection.ts';
import { newCounters, type ChatCounters } from '../../chatserver-stub/counters.ts';
import { goodbyeMs, loginTimeoutMs, messagesAtOnce } from '../../chatserver-stub/limits.ts';
import type { ClientMessage } from '../../chatserver-stub/protocol.ts';
import { ManualClock } from '../manual-clock.ts';
import type { Teardown } from '../processes.ts';
import { until } from '../until.ts';
import { Talker } from './helpers.ts';

/** A listener that makes connections of the given clock, and one client of it. */
async function pair(
  t: Teardown,
  clock: ManualClock,
): Promise<{
  client: Talker;
  socket: net.Socket;
  connection: ChatConnection;
  received: ClientMessage[];
  counters: ChatCounters;
}> {
  const received: ClientMessage[] = [];
  const counters = newCounters();
  const connections: { socket: net.Socket; connection: ChatConnection }[] = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const connection = new ChatConnection({
      socket,
      clock,
      counters,
      received: (message) => void received.push(message),
      ended: () => undefined,
    });
    connections.push({ socket, connection });
    t.teardown(() => void socket.destroy());
  });
  t.teardown(() => void server.close());
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.60.3.1', () => resolve((server.address() as net.AddressInfo).port));
  });
  const client = new Talker(t, { host: '127.60.3.1', port });
  const { socket, connection } = await until(() => connections[0], { describe: 'the connection' });
  return { client, socket, connection, received, counters };
}

test('a client that never logs in is told so and closed', async (t) => {
  const clock = new ManualClock();
  const { client, counters } = await pair(t, clock);
  clock.advance(loginTimeoutMs - 1);
  t.is(counters.loginTimeouts, 0);
  clock.advance(1);
  await client.hears({ type: 'bye', code: 'login-timeout' });
  t.is(await client.ended(), 'fin');
  t.is(counters.loginTimeouts, 1);
});

test('a client that is logged in may be silent for ever', async (t) => {
  const clock = new ManualClock();
  const { client, connection } = await pair(t, clock);
  connection.admit();
  clock.advance(1_000 * loginTimeoutMs);
  connection.tell({ type: 'pong' });
  await client.hears({ type: 'pong' });
  t.false(connection.over);
});

test('a client that sends too fast is read more slowly, and nothing it sent is lost', async (t) => {
  const clock = new ManualClock();
  const { client, received, counters } = await pair(t, clock);
  const count = messagesAtOnce + 100;
  client.send('{"type":"ping"}\n'.repeat(count));
  await until(() => counters.throttled > 0, { describe: 'the brake' });
  t.true(received.length < count);
  await until(
    () => {
      clock.advance(100);
      return received.length === count;
    },
    { describe: 'everything to be read in time' },
  );
  t.is(client.end, undefined);
});

test('while held, a client is not read; afterwards it is', async (t) => {
  const clock = new ManualClock();
  const { client, connection, received } = await pair(t, clock);
  connection.hold(true);
  client.send({ type: 'ping' });
  await new Promise((resolve) => void setImmediate(resolve));
  connection.tell({ type: 'pong' });
  await client.hears({ type: 'pong' });
  t.deepEqual(received, []);
  connection.hold(false);
  await until(() => received.length === 1, { describe: 'the message' });
  t.deepEqual(received, [{ type: 'ping' }]);
});

test('a client that does not end its side after our last line is not waited for', async (t) => {
  const clock = new ManualClock();
  const { client, socket, connection } = await pair(t, clock);
  connection.bye('closing', 'the end');
  await client.hears({ type: 'bye', code: 'closing' });
  t.is(await client.ended(), 'fin');
  t.false(socket.destroyed);
  clock.advance(goodbyeMs);
  t.true(socket.destroyed);
  t.is(clock.pending, 0);
});
