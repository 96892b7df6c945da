import test from 'ava';
import { encodeLocalHeader, encodeProxyHeader } from '../../../lib/proxy-protocol/index.ts';
import type { EndReason } from '../../../lib/relay/index.ts';
import { ManualClock } from '../../manual-clock.ts';
import type { Engine } from './engines.ts';
import { Lab, to } from './lab.ts';
import type { Peer } from './peer.ts';
import { until } from '../../until.ts';

const source = { host: '203.0.113.9', port: 50_000 };
const destination = { host: '203.0.113.10', port: 9_000 };
const outer = { host: '10.0.0.1', port: 40_000 };
const v1 = encodeProxyHeader('v1', source, destination);
const v2 = encodeProxyHeader('v2', source, destination);

export const stripped = test.macro<[Engine, string, ListenAccept, readonly Uint8Array[]]>({
  title: (_, { name }, what) => `${name}: strips ${what} and passes on what follows`,
  async exec(t, engine, _what, acceptProxy, pieces) {
    const lab = await Lab.start(t, engine, { spec: { acceptProxy } });
    const client = await lab.client();
    for (const piece of pieces) {
      client.send(piece);
      // Lets each piece be a read of its own.
      await until(() => client.socket.writableLength === 0, 'a piece is sent');
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => lab.router.joins.length + lab.router.records.length > 0, 'the header is read');
    t.deepEqual(lab.router.records, []);
    const server = await lab.server.peer();
    await server.hears('payload');
    client.end();
    server.end();
    t.like(await lab.router.record(), { client: { source, destination }, bytesUp: 7, reason: 'finished' });
    await lab.audit(t);
  },
});

type ListenAccept = readonly ('v1' | 'v2' | 'any')[];
const payload = Buffer.from('payload');
const local = encodeLocalHeader('v2');
const around = encodeProxyHeader('v2', outer, destination);

/** Headers that are right: what they are, what is accepted, the pieces they come in. */
export const goodHeaders: readonly [string, ListenAccept, readonly Uint8Array[]][] = [
  ['a v1 header', ['v1'], [Buffer.concat([v1, payload])]],
  ['a v2 header', ['v2'], [Buffer.concat([v2, payload])]],
  ['a v1 header where any is accepted, payload apart', ['any'], [v1, payload]],
  ['a v2 header cut into bytes', ['any'], [...v2, ...payload].map((byte) => Uint8Array.of(byte))],
  [
    'two headers, the innermost of which names the client',
    ['v2', 'v1'],
    [Buffer.concat([around, v1, payload])],
  ],
  ['a LOCAL header inside one that names the client', ['v2', 'v2'], [Buffer.concat([v2, local, payload])]],
];

export const localHeader = test.macro<[Engine]>({
  title: (_, { name }) => `${name}: a LOCAL header leaves the connection's own ends standing`,
  async exec(t, engine) {
    const lab = await Lab.start(t, engine, { spec: { acceptProxy: ['v2'] } });
    const client = await lab.client();
    client.send(local);
    await until(() => lab.router.routed.length === 1, 'the header is read');
    t.deepEqual(lab.router.routed[0]?.source, { host: '127.0.0.1', port: client.socket.localPort ?? 0 });
    t.deepEqual(lab.router.routed[0]?.destination, lab.endpoint);
    await lab.audit(t);
  },
});

export const sent = test.macro<[Engine]>({
  title: (_, { name }) =>
    `${name}: the preface is the first the server reads, before what the client sends and if it sends nothing`,
  async exec(t, engine) {
    const lab: Lab = await Lab.start(t, engine, { route: () => to('server', lab.server.endpoint, v2) });
    const client = await lab.client();
    const server = await lab.server.peer();
    await server.hears(v2.toString('latin1'));
    client.send('then');
    await server.hears(`${v2.toString('latin1')}then`);
    client.end();
    server.end();
    t.is((await lab.router.record()).bytesUp, 4);
    await lab.audit(t);
  },
});

/** What a client does instead of sending a header, what is recorded, whether it counts as a wrong header. */
export const badHeaders: readonly [string, (client: Peer, clock: ManualClock) => void, EndReason, number][] =
  [
    ['sends something else', (client) => client.send('GET / HTTP/1.1\r\n'), 'bad-header', 1],
    [
      'sends part of a header and FIN',
      (client) => (client.send(v2.subarray(0, 20)), client.end()),
      'bad-header',
      1,
    ],
    ['sends FIN', (client) => client.end(), 'client-gone', 0],
    ['sends RST', (client) => client.reset(), 'client-gone', 0],
    ['says nothing in time', (_client, clock) => clock.advance(3_000), 'bad-header', 1],
  ];

export const refused = test.macro<[Engine, (typeof badHeaders)[number]]>({
  title: (_, { name }, [what]) => `${name}: a client that ${what} where a PROXY header is due is refused`,
  async exec(t, engine, [, act, reason, refusedHeader]) {
    const clock = new ManualClock();
    const spec = { acceptProxy: ['any'] as const };
    const lab = await Lab.start(t, engine, { spec, settings: { headerTimeoutMs: 3_000 }, relay: { clock } });
    const client = await lab.client();
    await until(() => lab.relay.stats().accepted === 1, 'the client is accepted');
    clock.advance(2_999);
    t.is(lab.router.records.length, 0);
    act(client, clock);
    const record = await lab.router.record();
    t.is(record.reason, reason);
    t.is(lab.relay.stats().refusedHeader, refusedHeader);
    await until(() => client.closed || client.failure !== '', 'the client is told');
    t.is(lab.router.routed.length, 0);
    t.is(clock.pending, 0);
    await lab.audit(t);
  },
});

export const resetMidHeader = test.macro<[Engine]>({
  title: (_, { name }) => `${name}: a client that resets in the middle of its header is only gone`,
  async exec(t, engine) {
    const lab = await Lab.start(t, engine, { spec: { acceptProxy: ['v2'] } });
    const client = await lab.client();
    await until(() => lab.relay.stats().accepted === 1, 'the client is accepted');
    client.send(v2.subarray(0, 20));
    client.reset();
    t.is((await lab.router.record()).reason, 'client-gone');
    t.is(lab.relay.stats().refusedHeader, 0);
    await lab.audit(t);
  },
});
