/**
 * What choosing a chat server costs: out of the shared table, against asking the supervisor. Processor time of all
 * processes together per pick and release, and the time one process takes for it. `npm run bench -- pick [--picks N]`.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { PickTable } from '../../balancer/pick-table.ts';
import { UpstreamPool } from '../../balancer/upstream-pool.ts';
import { SharedMemory } from '../../lib/shared-memory/index.ts';
import type { Algorithm } from '../../topology/index.ts';
import { health } from '../../test/balancer/health.ts';
import { aBalancing, aChatServer, aService, aTopology } from '../../test/topology-fixture.ts';
import { cpuNs, median } from '../measure.ts';
import { benchOptions, whole } from '../options.ts';
import type { FromPickProcess, ToPickProcess } from './pick-process.ts';

const usage = `usage: npm run bench -- pick [--picks N]

What choosing a chat server costs, out of shared memory and by asking the supervisor.

  --picks N   of each process (50000)`;
const { picks } = benchOptions(usage, { picks: whole(50_000) });
const rounds = 5;

interface Measure {
  readonly cpuNsPerPick: number;
  readonly usPerPick: number;
}

async function measure(
  kind: 'shared' | 'ipc',
  algorithm: Algorithm,
  workers: number,
  atOnce: number,
): Promise<Measure> {
  const memory = SharedMemory.create('headgate-bench', PickTable.bytes(workers));
  const table = new PickTable(memory.buffer, workers);
  const pool = new UpstreamPool({ table, random: Math.random, now: () => performance.now() });
  pool.apply(
    aTopology({
      services: [aService({ balancing: aBalancing({ algorithm }) })],
      chatservers: [1, 2, 3].map((number) => aChatServer(number)),
    }),
  );
  pool.refresh((key) => health(key, 'up'));
  const upstreams = pool
    .upstreams()
    .map(({ upstream: { id, key, name, endpoint }, row }) => ({ id, key, name, endpoint, row: row! }));
  const children = Array.from({ length: workers }, (_, place) => {
    const program = fileURLToPath(new URL('./pick-process.js', import.meta.url));
    const child = fork(program, [kind, String(place), String(workers)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', memory.fd],
    });
    const tell = (message: ToPickProcess): void => void child.send(message);
    child.on('message', (message: FromPickProcess) => {
      if (!('requests' in message)) return;
      const answers: number[] = [];
      for (const request of message.requests) {
        if (request[0] === 'release') pool.release(place, request[1]);
        else if (request[0] === 'pick') {
          const [, number, service, host, port, tried] = request;
          const picked = pool.pick(place, service, { host, port }, tried);
          answers.push(number, typeof picked === 'string' ? 0 : picked.id);
        }
      }
      if (answers.length > 0) tell({ answers });
    });
    tell({ plan: pool.plan, upstreams });
    return { child, tell };
  });
  const run = async (count: number): Promise<number> => {
    const times = children.map(async ({ child, tell }) => {
      tell({ picks: count, atOnce });
      for (;;) {
        const [answer] = (await once(child, 'message')) as [FromPickProcess];
        if ('elapsedMs' in answer) return answer.elapsedMs;
      }
    });
    return Math.max(...(await Promise.all(times)));
  };
  await run(5_000);
  const pids = [process.pid, ...children.map(({ child }) => child.pid!)];
  const before = pids.reduce((sum, pid) => sum + cpuNs(pid), 0);
  const elapsedMs = await run(picks);
  const spent = pids.reduce((sum, pid) => sum + cpuNs(pid), 0) - before;
  for (const { child } of children) child.kill();
  memory.close();
  return {
    cpuNsPerPick: spent / (picks * workers),
    usPerPick: (elapsedMs * 1_000) / picks,
  };
}

console.log('three chat servers; pick and release; medians of 5 interleaved rounds');
console.log('algorithm             workers  at once  CPU µs ipc  CPU µs shared  time µs ipc  time µs shared');
for (const algorithm of ['round-robin', 'least-connections', 'maglev'] as const) {
  for (const [workers, atOnce] of [
    [1, 1],
    [1, 64],
    [4, 64],
  ] as const) {
    const ipc: Measure[] = [];
    const shared: Measure[] = [];
    for (let round = 0; round < rounds; round++) {
      ipc.push(await measure('ipc', algorithm, workers, atOnce));
      shared.push(await measure('shared', algorithm, workers, atOnce));
    }
    const cpu = (of: readonly Measure[]): string =>
      (median(of.map(({ cpuNsPerPick }) => cpuNsPerPick)) / 1_000).toFixed(2);
    const wait = (of: readonly Measure[]): string => median(of.map(({ usPerPick }) => usPerPick)).toFixed(1);
    console.log(
      [algorithm.padEnd(20), workers, atOnce, cpu(ipc), cpu(shared), wait(ipc), wait(shared)].join('\t'),
    );
  }
}
