import type net from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { TcpProbe, type TcpQuestion } from '../../../lib/heartbeat/probe-tcp.ts';
import type { ProbeEvent } from '../../../lib/heartbeat/probe.ts';
import { systemClock } from '../../../lib/clock/index.ts';
import { bareServer, deadEndpoint, descriptors } from '../control/helpers.ts';
import { until } from '../../until.ts';

/** What the first beat of a probe reports. */
async function ask(t: ExecutionContext, question: TcpQuestion): Promise<ProbeEvent> {
  const events: ProbeEvent[] = [];
  const probe = new TcpProbe(question, systemClock, (event) => events.push(event));
  t.teardown(() => probe.close());
  probe.beat({ beat: 1, connection: 1, fresh: true });
  await until(() => events.length > 0, 'the outcome');
  return events[0]!;
}

const good = { type: 'good', beat: 1, reply: null };

test('a server that accepts is good, one that does not listen refuses', async (t) => {
  t.deepEqual(await ask(t, { endpoint: await bareServer(t, () => undefined) }), good as ProbeEvent);
  t.like(await ask(t, { endpoint: await deadEndpoint() }), { type: 'refused', beat: 1 });
});

test('what is to be sent is sent, and the expected answer is found in any pieces', async (t) => {
  const endpoint = await bareServer(t, (socket) => {
    socket.once('data', (chunk: Buffer) => {
      if (chunk.toString() !== 'PING\r\n') return;
      socket.write('+PO');
      setImmediate(() => socket.write('NG\r\n'));
    });
  });
  t.deepEqual(await ask(t, { endpoint, send: 'PING\r\n', expect: '+PONG' }), good as ProbeEvent);
});

test('something sent without an expectation arrives', async (t) => {
  let got = '';
  const endpoint = await bareServer(t, (socket) =>
    socket.on('data', (chunk: Buffer) => (got += chunk.toString())),
  );
  t.deepEqual(await ask(t, { endpoint, send: 'hello' }), good as ProbeEvent);
  await until(() => got === 'hello', 'what was sent');
});

const wrong: readonly (readonly [title: string, serveOne: (socket: net.Socket) => void, why: RegExp])[] = [
  ['an answer without the expected text', (socket) => socket.end('-ERR no'), /closed the connection before/],
  ['a server that closes', (socket) => socket.end(), /closed the connection before/],
  ['an endless wrong answer', (socket) => socket.write('x'.repeat(100_000)), /not in its first 4 KiB/],
];

for (const [title, serveOne, why] of wrong) {
  test(`${title} is a failure`, async (t) => {
    const event = await ask(t, { endpoint: await bareServer(t, serveOne), expect: '+PONG' });
    t.true(event.type === 'failed' && why.test(event.why), JSON.stringify(event));
  });
}

test('a server that resets is a failure or a refusal, never good', async (t) => {
  const event = await ask(t, {
    endpoint: await bareServer(t, (socket) => socket.resetAndDestroy()),
    expect: '+PONG',
  });
  t.is(event.type, 'failed');
});

test.serial(
  'a beat that follows ends the one before, which reports nothing; close ends the last',
  async (t) => {
    const endpoint = await bareServer(t, (socket) => socket.resume());
    const before = descriptors();
    const events: ProbeEvent[] = [];
    const probe = new TcpProbe({ endpoint, expect: 'never' }, systemClock, (event) => events.push(event));
    for (let beat = 1; beat <= 5; beat += 1) {
      probe.beat({ beat, connection: beat, fresh: true });
      for (let turn = 0; turn < beat; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
    probe.close();
    await until(() => descriptors() === before, 'descriptors return to where they were');
    t.deepEqual(events, []);
  },
);
