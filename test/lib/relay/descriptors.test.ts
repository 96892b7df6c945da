import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import type { Endpoint } from '../../../lib/address/index.ts';
import type { RelayStats } from '../../../lib/relay/index.ts';
import { engines, type Engine } from './engines.ts';
import { Lab, to } from './lab.ts';
import { connectPeer, servePeers, type Peer } from './peer.ts';
import { refusingEndpoint } from './silent.ts';
import { until } from '../../until.ts';

interface Report {
  readonly stats: RelayStats;
  readonly failures: readonly string[];
}

/** A relay in a process that may open 80 descriptors, and a server outside it. */
async function startChild(t: ExecutionContext, engine: Engine) {
  const server = await servePeers({ host: '127.30.0.10' });
  t.teardown(() => server.close());
  const fixture = fileURLToPath(new URL('few-descriptors-child.js', import.meta.url));
  const command = [
    process.execPath,
    fixture,
    engine.name,
    server.endpoint.host,
    String(server.endpoint.port),
  ];
  const child = spawn('sh', ['-c', 'ulimit -n 80; exec "$0" "$@"', ...command], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const [{ endpoint }] = (await once(child, 'message')) as [{ endpoint: Endpoint }];
  const clients: Peer[] = [];
  t.teardown(() => clients.forEach((client) => client.socket.destroy()));
  return {
    server,
    async ask(what: 'stats' | 'hog'): Promise<Report> {
      child.send(what);
      const [report] = (await once(child, 'message')) as [Report];
      return report;
    },
    /** Connects; the answer is the server's end when it came through, else undefined. */
    async client(): Promise<[client: Peer, server: Peer | undefined]> {
      const index = server.peers.length;
      const client = await connectPeer(endpoint);
      clients.push(client);
      await until(
        () => client.failure !== '' || client.ended || server.peers.length > index,
        'a client is served or told',
      );
      return [client, server.peers[index]];
    },
  };
}

const shortage = test.macro<[Engine]>({
  title: (_, { name }) =>
    `${name}: out of descriptors, clients get RST and are counted, others are unharmed, accepting resumes`,
  async exec(t, engine) {
    const child = await startChild(t, engine);
    const established: [Peer, Peer][] = [];
    for (;;) {
      const [client, server] = await child.client();
      if (server === undefined) break;
      established.push([client, server]);
    }
    t.true(established.length >= 10, `${established.length} connections fit`);
    for (let count = 0; count < 20; count++) {
      const [client, server] = await child.client();
      t.is(server, undefined);
      await client.hearsRst();
    }
    t.like((await child.ask('stats')).stats, { descriptorsExhausted: 21, connections: established.length });
    for (const [client, server] of established) {
      client.send('up');
      server.send('down');
      await Promise.all([server.hears('up'), client.hears('down')]);
    }
    for (const [client, server] of established.slice(0, 3)) {
      client.end();
      server.end();
      await Promise.all([client.hearsFin(), server.hearsFin()]);
    }
    for (let count = 0; count < 3; count++) {
      const [client, server] = await child.client();
      client.send('room again');
      await server?.hears('room again');
      t.truthy(server);
    }
    t.is((await child.ask('stats')).stats.descriptorsExhausted, 21);
  },
});

const shortageAtConnect = test.macro<[Engine]>({
  title: (_, { name, takesDescriptors }) =>
    takesDescriptors
      ? `${name}: a connect without a descriptor is the relay's own fault, not the destination's`
      : `${name}: connects while the process has no descriptor left`,
  async exec(t, engine) {
    const child = await startChild(t, engine);
    const [established, server] = await child.client();
    await child.ask('hog');
    const [hit, served] = await child.client();
    if (engine.takesDescriptors) {
      await hit.hearsRst();
      const { stats, failures } = await child.ask('stats');
      t.deepEqual(failures, ['HEADGATE_RELAY_CONNECT_LOCAL']);
      t.like(stats, { descriptorsExhausted: 1, connectFailures: 0 });
    } else {
      hit.send('needs none');
      await served?.hears('needs none');
      const { stats, failures } = await child.ask('stats');
      t.deepEqual(failures, []);
      t.like(stats, { descriptorsExhausted: 0, connectFailures: 0, connections: 2 });
    }
    established.send('unharmed');
    await server?.hears('unharmed');
    const [, next] = await child.client();
    t.truthy(next);
  },
});

const nothingLeft = test.macro<[Engine]>({
  title: (_, { name }) => `${name}: every way a connection can end gives its descriptors back`,
  async exec(t, engine) {
    const open = (): number => readdirSync('/proc/self/fd').length;
    const refusing = refusingEndpoint;
    const round = async (): Promise<void> => {
      const lab: Lab = await Lab.start(t, engine, {
        relay: { limit: 4 },
        route: (_client, tried) =>
          tried.length === 0 ? to('dead', refusing) : to('server', lab.server.endpoint),
      });
      const [finished, reset, broken, closed] = [
        await lab.pair(),
        await lab.pair(),
        await lab.pair(),
        await lab.pair(),
      ];
      await (await lab.client()).hearsRst();
      finished[0].end();
      finished[1].end();
      reset[0].reset();
      broken[1].reset();
      await lab.router.record(2);
      lab.listener.update({ ...lab.listener.spec, acceptProxy: ['v1'] });
      const wrong = await lab.client();
      wrong.send('wrong');
      await wrong.hearsRst();
      lab.relay.reset('server', 1);
      await closed[0].hearsRst();
      await lab.audit(t);
      await lab.stop();
    };
    await round();
    await settled(open);
    const before = open();
    for (let count = 0; count < 3; count++) await round();
    await until(() => open() <= before, 'all descriptors are closed');
    t.is(open(), before);
  },
});

/** Waits until closing sockets are closed: the same number at ten looks. */
async function settled(figure: () => number): Promise<void> {
  let last = -1;
  let same = 0;
  await until(() => {
    const now = figure();
    same = now === last ? same + 1 : 0;
    last = now;
    return same >= 10;
  }, 'descriptors settle');
}

for (const engine of engines) {
  test.serial(nothingLeft, engine);
  test.serial(shortage, engine);
  test.serial(shortageAtConnect, engine);
}
