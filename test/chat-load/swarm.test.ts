import path from 'node:path';
import test from 'ava';
import { Cutter, linked, startCluster } from '../chatserver-stub/helpers.ts';
import { startProgram } from '../processes.ts';
import { until } from '../until.ts';
import { Swarm } from './swarm.ts';

test('a swarm over three chat servers hears everything once and in order', async (t) => {
  const servers = await startCluster(t, ['127.60.7.1', '127.60.7.2', '127.60.7.3']);
  await linked(servers);
  const cutter = new Cutter(t);
  let next = 0;
  cutter.target = () => servers[next++ % servers.length]?.endpoint;
  const port = await cutter.listen('127.60.7.9');
  const swarm = new Swarm({ host: '127.60.7.9', port, chatters: 60, speakers: 6 });
  t.teardown(() => swarm.close());
  await swarm.open();
  swarm.say(20);
  await swarm.settled();
  const report = swarm.report();
  t.deepEqual(report.problems, []);
  t.like(report, { connected: 60, said: 120, heard: 120 * 59, servers: { c1: 20, c2: 20, c3: 20 } });
});

test('it finds what is lost with a connection, and who comes back hears on', async (t) => {
  const servers = await startCluster(t, ['127.60.7.4', '127.60.7.5']);
  await linked(servers);
  const cutter = new Cutter(t);
  cutter.target = servers[0]!.endpoint;
  const port = await cutter.listen('127.60.7.6');
  const swarm = new Swarm({ host: '127.60.7.6', port, chatters: 30, speakers: 5, firstRetryMs: 20 });
  t.teardown(() => swarm.close());
  await swarm.open();
  swarm.talk(20);
  swarm.expectLosses(true);
  cutter.target = servers[1]!.endpoint;
  cutter.cut();
  await until(() => swarm.lost.expected === 30, { describe: 'the losses to be noticed' });
  await swarm.allConnected();
  swarm.hush();
  swarm.expectLosses(false);
  await swarm.settled();
  t.deepEqual(swarm.lost, { expected: 30, unexpected: 0 });
  t.deepEqual(swarm.problems, []);
  t.deepEqual(swarm.report().servers, { c2: 30 });
  cutter.cut();
  await until(() => swarm.lost.unexpected === 30, { describe: 'the losses to be noticed' });
  await swarm.allConnected();
  t.is(swarm.problems.length, swarm.lost.unexpected);
});

test('a thousand chatters with twenty speakers over two chat servers run easily, in a process of their own', async (t) => {
  const servers = await startCluster(t, ['127.60.7.7', '127.60.7.8']);
  await linked(servers);
  const main = path.resolve(import.meta.dirname, 'swarm-main.js');
  const programs = await Promise.all(
    servers.map(async ({ endpoint }, index) => {
      const program = await startProgram(t, [process.execPath, main]);
      const ask = async (command: object): Promise<Record<string, unknown>> => {
        const from = program.nextLine;
        program.write(JSON.stringify(command));
        const { text } = await program.line(/^\{/, { from, timeoutMs: 50_000 });
        return JSON.parse(text) as Record<string, unknown>;
      };
      const open = { do: 'open', ...endpoint, chatters: 500, speakers: 20, prefix: `s${index}-` };
      t.like(await ask({ id: 1, ...open }), { id: 1, ok: true, connected: 500, problemCount: 0 });
      return { program, ask };
    }),
  );
  const [one, other] = programs;
  t.like(await one!.ask({ do: 'say', count: 5 }), { ok: true, said: 100 });
  t.like(await one!.ask({ do: 'settled' }), { ok: true, problemCount: 0, heard: 100 * 499 });
  t.like(await other!.ask({ do: 'report' }), { ok: true, connected: 500 });
  t.like(await one!.ask({ do: 'nonsense' }), { ok: true });
  one!.program.write('{');
  await one!.program.line(/"ok":false/);
  await Promise.all(programs.map(({ ask }) => ask({ do: 'close' })));
  t.deepEqual(await Promise.all(programs.map(({ program }) => program.exited)), [
    { code: 0, signal: null },
    { code: 0, signal: null },
  ]);
});
