/**
 * Which way of running a ring beside Node costs least: an echo server under each (modes.ts), measured in turns in one run.
 * `npm run bench -- uring-loop [--seconds S] [--rounds R]`. Prints, per number of connections,
 * the CPU time of the whole server process per 64-byte round trip (median, spread), round trips per second, the lateness
 * of a timer on the server's main thread, and the ratio to the first way. Uses 127.90.0.0/16.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { release } from 'node:os';
import { cpuNs, median } from '../measure.ts';
import { benchOptions, positive, whole } from '../options.ts';
import { PingPong } from '../traffic/ping-pong.ts';
import { modes, type Mode } from './modes.ts';

const usage = `usage: npm run bench -- uring-loop [--seconds S] [--rounds R]

What each way of running a ring beside Node costs.

  --seconds S   of each measurement (1)
  --rounds R    turns (5)`;
const { seconds, rounds } = benchOptions(usage, { seconds: positive(1), rounds: whole(5) });
const messageBytes = 64;
const warmUpMs = 300;
const nsPerUs = 1_000;

interface Sample {
  readonly cpuUs: number;
  readonly perSecond: number;
  readonly lateMs: number;
}

console.log(
  `kernel ${release()}, node ${process.version}, ${seconds} s × ${rounds} rounds, ${messageBytes} B echo`,
);
for (const connections of [1, 100, 1_000]) {
  const samples = new Map<Mode, Sample[]>(modes.map((mode) => [mode, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [index, mode] of modes.entries()) {
      samples.get(mode)?.push(await measure(mode, `127.90.${index}.1`, 9_000 + round, connections));
    }
  }
  report(connections, samples);
}

async function measure(mode: Mode, host: string, port: number, connections: number): Promise<Sample> {
  const server = fork(new URL('server.js', import.meta.url), [mode, host, `${port}`, `${connections + 16}`]);
  try {
    await once(server, 'message');
    const load = new PingPong(host, port, connections, messageBytes);
    load.play(warmUpMs);
    server.send('reset');
    const cpuBefore = cpuNs(server.pid!);
    const begin = performance.now();
    const roundTrips = load.play(seconds * 1_000);
    const elapsedMs = performance.now() - begin;
    const cpu = cpuNs(server.pid!) - cpuBefore;
    const lateMs = await lateness(server);
    load.close();
    return { cpuUs: cpu / nsPerUs / roundTrips, perSecond: (roundTrips / elapsedMs) * 1_000, lateMs };
  } finally {
    server.kill('SIGKILL');
    await once(server, 'exit');
  }
}

async function lateness(server: ChildProcess): Promise<number> {
  const answer = once(server, 'message') as Promise<[{ lateMs: number }]>;
  server.send('lateness');
  return (await answer)[0].lateMs;
}

function report(connections: number, samples: ReadonlyMap<Mode, readonly Sample[]>): void {
  console.log(
    `\n${connections} connections\n  CPU µs per round trip      ratio   per second   timer late p99`,
  );
  const reference = samples.get(modes[0])!.map((sample) => sample.cpuUs);
  for (const [mode, list] of samples) {
    const cpu = list.map((sample) => sample.cpuUs).sort((a, b) => a - b);
    const ratio = median(list.map((sample, round) => sample.cpuUs / reference[round]!));
    const columns = [
      mode.padEnd(16),
      `${median(cpu).toFixed(1)} (${cpu[0]!.toFixed(1)}–${cpu.at(-1)!.toFixed(1)})`.padEnd(20),
      ratio.toFixed(2).padEnd(7),
      median(list.map((sample) => sample.perSecond))
        .toFixed(0)
        .padStart(9),
      `${median(list.map((sample) => sample.lateMs)).toFixed(1)} ms`.padStart(12),
    ];
    console.log(`  ${columns.join('')}`);
  }
}
