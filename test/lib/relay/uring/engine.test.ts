/** What the contract does not say of every engine, and only this one does or must take care of. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { createUringRelay } from '../../../../lib/relay/index.ts';
import { tunedUringRelay } from '../../../../lib/relay/uring/relay.ts';
import { uringMissing, type Engine } from '../engines.ts';
import { Lab, to } from '../lab.ts';
import type { Peer } from '../peer.ts';
import { until } from '../../../until.ts';

const kernelTest = uringMissing === undefined ? test : test.skip;
if (uringMissing !== undefined) test.skip(`the engine uring (skipped: ${uringMissing})`, (t) => t.fail());

const uring: Engine = { name: 'uring', create: createUringRelay, takesDescriptors: false };
const tuned = (tuning: Parameters<typeof tunedUringRelay>[0]): Engine => ({
  ...uring,
  create: tunedUringRelay(tuning),
});

/** Columns of the line of /proc/net/tcp with this local and remote port (proc_net_tcp(5)). */
function tcpLine(local: number, remote: number): string[] {
  const port = (number: number): string => number.toString(16).padStart(4, '0').toUpperCase();
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n')) {
    const columns = line.trim().split(/\s+/);
    if (columns[1]?.endsWith(`:${port(local)}`) && columns[2]?.endsWith(`:${port(remote)}`)) return columns;
  }
  return [];
}

/** Seconds until the keepalive timer; undefined when it does not run. */
function keepaliveSeconds(local: number, remote: number): number | undefined {
  const [kind, jiffies = ''] = (tcpLine(local, remote)[5] ?? '').split(':');
  return kind === '02' ? parseInt(jiffies, 16) / 100 : undefined;
}

kernelTest('a listener on all addresses tells each client which one it came to', async (t) => {
  const lab = await Lab.start(t, uring, { spec: { endpoint: { host: '0.0.0.0', port: 0 } } });
  const { port } = lab.endpoint;
  const { connectPeer } = await import('../peer.ts');
  for (const host of ['127.91.0.1', '127.91.0.2']) {
    const client = await connectPeer({ host, port });
    t.teardown(() => client.socket.destroy());
    await until(() => lab.router.routed.some(({ destination }) => destination.host === host), host);
  }
  t.deepEqual(
    lab.router.routed.map(({ destination }) => destination),
    [
      { host: '127.91.0.1', port },
      { host: '127.91.0.2', port },
    ],
  );
  await lab.audit(t);
});

kernelTest('addresses that are none, and ports, fail like a connect', async (t) => {
  const lab: Lab = await Lab.start(t, uring, {
    route: (_client, tried) => {
      if (tried.length === 0) return to('name', { host: 'chat.example', port: 1 });
      if (tried.length === 1) return to('port', { host: '127.91.0.1', port: 65_536 });
      return to('server', lab.server.endpoint);
    },
  });
  await lab.pair();
  t.deepEqual(
    lab.router.failures.map(({ error }) => error.code),
    ['HEADGATE_RELAY_CONNECT_REFUSED', 'HEADGATE_RELAY_CONNECT_REFUSED'],
  );
  await lab.audit(t);
});

kernelTest('both sides have keepalive as set, and update() changes it for those who come', async (t) => {
  const lab = await Lab.start(t, uring, { settings: { keepaliveMs: 40_000, userTimeoutMs: 0 } });
  const timers = (client: Peer, server: Peer): (number | undefined)[] => [
    keepaliveSeconds(lab.endpoint.port, client.socket.localPort!),
    keepaliveSeconds(server.socket.remotePort!, server.socket.localPort!),
  ];
  const isAbout = (seconds: number, values: (number | undefined)[]): boolean =>
    values.every((value) => value !== undefined && value > seconds - 15 && value <= seconds + 1);
  const [client, server] = await lab.pair();
  await until(() => isAbout(40, timers(client, server)), 'keepalive after 40 s');
  const { acceptProxy } = lab.listener.spec;
  const { settings } = lab.listener.spec;
  lab.listener.update({ acceptProxy, settings: { ...settings, keepaliveMs: 400_000 } });
  const [later, itsServer] = await lab.pair();
  await until(() => isAbout(400, timers(later, itsServer)), 'keepalive after 400 s');
  lab.listener.update({ acceptProxy, settings: { ...settings, keepaliveMs: 0 } });
  const [last, lastServer] = await lab.pair();
  t.deepEqual(timers(last, lastServer), [undefined, undefined]);
  await lab.audit(t);
});

kernelTest(
  'readers that stop hold no shared buffer: others are served though there are only two',
  async (t) => {
    const lab = await Lab.start(t, tuned({ buffers: 2 }), { serverReads: true });
    const stopped: [Peer, Peer][] = [];
    for (let count = 0; count < 8; count++) stopped.push(await lab.pair({ reads: false }));
    const much = Buffer.alloc(12_000_000, 7);
    for (const [, server] of stopped) server.send(much);
    await until(() => (lab.relay.engineStats?.()['spillBytes'] ?? 0) > 0, 'the relay holds bytes');
    for (let round = 0; round < 20; round++) {
      const [client, server] = await lab.pair();
      client.send('up');
      server.send('down');
      await Promise.all([server.hears('up'), client.hears('down')]);
      client.reset();
    }
    for (const [client] of stopped) client.read();
    await until(
      () => stopped.every(([client]) => client.bytes === much.length),
      'the stopped get everything',
    );
    t.true((lab.relay.engineStats?.()['buffersExhausted'] ?? 0) > 0, 'the buffers ran out');
    await lab.audit(t);
    t.is(lab.relay.engineStats?.()['strayCompletions'], 0);
  },
);

kernelTest('a router may reset and close from within what it is told', async (t) => {
  const lab = await Lab.start(t, uring);
  const pairs = [await lab.pair(), await lab.pair(), await lab.pair()];
  let told = 0;
  const ended = lab.router.ended.bind(lab.router);
  lab.router.ended = (record) => {
    ended(record);
    if (++told === 1) lab.relay.reset('server', 2);
    else void lab.relay.close();
  };
  pairs[0]![0].reset();
  await until(() => told === 3, 'all are ended');
  for (const [client, server] of pairs.slice(1)) await Promise.all([client.hearsRst(), server.hearsRst()]);
  t.is(lab.relay.stats().connections, 0);
  await lab.audit(t);
});

kernelTest('a relay that is closed listens no more', async (t) => {
  const lab = await Lab.start(t, uring);
  const { spec } = lab.listener;
  await lab.relay.close();
  await t.throwsAsync(lab.relay.listen(spec), { code: 'HEADGATE_RELAY_CLOSED' });
  t.notThrows(() => lab.listener.update(spec));
  await lab.listener.close();
  t.is(lab.relay.reset('server', 1), 0);
});
