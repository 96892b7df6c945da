import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import type { TierStatus } from '../../node/node-status.ts';
import type { Topology } from '../../topology/index.ts';
import { Client } from './client.ts';
import { alive, Block, chatServers, running, type Running } from './running.ts';
import { until } from './until.ts';

function pids({ node }: Running): number[] {
  return node.status().workers!.map(({ pid }) => pid);
}

/** Twelve clients, and which worker carries how many of them once all reports are in. */
async function twelveClients(
  it: Running,
): Promise<{ clients: Client[]; busiest: { pid: number; connections: number } }> {
  const clients = await it.greeted(12);
  await until('all are reported', () => it.node.status().connections === 12);
  const [busiest] = it.node.status().workers!.toSorted((one, other) => other.connections - one.connections);
  return { clients, busiest: busiest! };
}

test('a killed worker costs only its own connections, is replaced, and gives its places back', async (t) => {
  const block = new Block(20);
  await chatServers(t, block);
  const it = await running(t, block, block.topology({}, { workers: 3 }));
  const { clients, busiest } = await twelveClients(it);
  const before = it.counter('accepted');
  process.kill(busiest.pid, 'SIGKILL');
  await until(
    'its clients are told',
    () => clients.filter(({ ended }) => ended !== '').length === busiest.connections,
  );
  await until('it is replaced', () => pids(it).length === 3 && !pids(it).includes(busiest.pid));
  const left = 12 - busiest.connections;
  t.is(
    it.node.status().watches.reduce((sum, { connections }) => sum + connections, 0),
    left,
  );
  t.is(it.counter('accepted'), before, 'what it counted stays');
  t.is(it.counter('workersDied'), 1);
  for (const client of clients) if (client.ended === '') await client.echo('still here');
  t.is(clients.filter(({ ended }) => ended === '').length, left);
  await it.greeted(12);
});

test('a stopped worker is replaced when it is silent for too long, and only its connections suffer', async (t) => {
  const block = new Block(21);
  await chatServers(t, block);
  const heartbeat = { intervalMs: 100, misses: 3, rises: 1, deadAfterMs: 1_000 };
  const it = await running(t, block, block.topology({ heartbeat }, { workers: 2 }));
  const { clients, busiest } = await twelveClients(it);
  process.kill(busiest.pid, 'SIGSTOP');
  await until('it is killed', () => !alive(busiest.pid));
  await until('it is replaced', () => pids(it).length === 2 && !pids(it).includes(busiest.pid));
  t.is(it.counter('workersSilent'), 1);
  t.is(it.counter('workersStuck'), 1);
  await until(
    'its clients are told',
    () => clients.filter(({ ended }) => ended !== '').length === busiest.connections,
  );
  for (const client of clients) if (client.ended === '') await client.echo('still here');
  await it.greeted(8);
});

test('workers ignore the signals a terminal sends to everybody', async (t) => {
  const block = new Block(22);
  await chatServers(t, block);
  const it = await running(t, block, block.topology());
  const client = await it.client().greeted();
  const [pid] = pids(it);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pid!, signal);
  await client.echo('still here');
  t.deepEqual(pids(it), [pid]);
});

interface ProgramOptions {
  /** Descriptors it may have open at most. */
  readonly files?: number;
  /** Whether it is to believe that this is not Linux. */
  readonly portable?: boolean;
}

/** Runs balancer b1 as a process of its own; resolves when it listens. */
async function program(
  t: ExecutionContext,
  topology: Topology,
  { files, portable = false }: ProgramOptions = {},
): Promise<{ child: ChildProcess; status: TierStatus }> {
  const path = fileURLToPath(new URL('./balancer-program.js', import.meta.url));
  const elsewhere = "data:text/javascript,Object.defineProperty(process,'platform',{value:'sunos'})";
  const limit = files === undefined ? '' : `ulimit -n ${files}; `;
  const node = [
    process.execPath,
    ...(portable ? [`--import=${elsewhere}`] : []),
    path,
    JSON.stringify(topology),
  ];
  const child = spawn('sh', ['-c', `${limit}exec "$0" "$@"`, ...node], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  let workers: TierStatus['workers'];
  t.teardown(() => {
    child.kill('SIGKILL');
    for (const { pid } of workers ?? []) endWorker(pid);
  });
  const [status] = (await once(child, 'message')) as [TierStatus];
  ({ workers } = status);
  return { child, status };
}

/** Ends a worker that outlived its supervisor; the number may belong to another process by now. */
function endWorker(pid: number): void {
  try {
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('worker-main')) process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone, as it should be.
  }
}

async function ask(child: ChildProcess): Promise<TierStatus> {
  child.send('status');
  return ((await once(child, 'message')) as [TierStatus])[0];
}

test('the workers exit with their supervisor, also when it is killed', async (t) => {
  const block = new Block(23);
  await chatServers(t, block);
  const { child, status } = await program(t, block.topology({}, { workers: 2 }));
  await until('a server is up', async () => (await ask(child)).watches.some(({ state }) => state === 'up'));
  const client = await new Client(block.balancer).greeted();
  t.is(status.workers!.length, 2);
  for (const { pid } of status.workers!) t.true(alive(pid));
  // Also one that is stopped: it would go on holding its listener.
  process.kill(status.workers![0]!.pid, 'SIGSTOP');
  child.kill('SIGKILL');
  await until('they are gone', () => status.workers!.every(({ pid }) => !alive(pid)));
  await until('the client is told', () => client.ended === 'reset');
  t.pass();
});

test('with few descriptors the balancer knows its limit, refuses beyond it, and accepts again', async (t) => {
  const block = new Block(24);
  await chatServers(t, block);
  const { child, status } = await program(t, block.topology(), { files: 160 });
  t.true(status.limit > 10 && status.limit < 400, `${status.limit}`);
  await until('a server is up', async () => (await ask(child)).watches.some(({ state }) => state === 'up'));
  const clients = Array.from({ length: status.limit + 40 }, () => new Client(block.balancer));
  t.teardown(() => clients.forEach((client) => client.close()));
  await until('each is served or refused', () =>
    clients.every((client) => client.server !== '' || client.ended !== ''),
  );
  const served = clients.filter(({ server }) => server !== '');
  t.is(served.length, status.limit, JSON.stringify((await ask(child)).counters));
  t.true(clients.every(({ ended }) => ended === '' || ended === 'reset'));
  await until('the refusals are counted', async () => (await ask(child)).counters['refusedFull'] === 40);
  for (const client of served) client.close();
  await until('all are gone', async () => (await ask(child)).connections === 0);
  const late = await new Client(block.balancer).greeted();
  late.close();
});

test('where ports cannot be shared one worker serves with a plain listener', async (t) => {
  const block = new Block(25);
  await chatServers(t, block);
  const { child, status } = await program(t, block.topology({}, { workers: 4 }), { portable: true });
  t.is(status.workers!.length, 1);
  await until('a server is up', async () => (await ask(child)).watches.some(({ state }) => state === 'up'));
  const client = await new Client(block.balancer).greeted();
  client.close();
});
