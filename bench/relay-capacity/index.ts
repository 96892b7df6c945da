/**
 * How many connections one balancer node carries, whatever `ulimit -n` is: `npm run bench -- relay-capacity [--connections N] [--garbage] [--json FILE]`
 * (default 100,000; `--garbage`: it is collected all the time). Opens them through a real node (supervisor, workers, scheduler) on loopback, each with a PROXY header and a
 * greeting from its chat server. Prints how fast they came, how the workers share them, and the memory of a further connection:
 * resident in the node's processes, and in the kernel on all four sockets, load included. Uses 127.92.0.0/16; a few minutes at the most.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { encodeProxyHeader } from '../../lib/proxy-protocol/index.ts';
import type { TierStatus } from '../../node/index.ts';
import { aBalancer, aChatServer, aService, aTopology } from '../../test/topology-fixture.ts';
import { benchFacts, factsLine, machine, writeResult } from '../facts.ts';
import { cpuNs, residentBytes } from '../measure.ts';
import { benchOptions, flag, json, whole } from '../options.ts';
import { Crowd } from './crowd.ts';

const usage = `usage: npm run bench -- relay-capacity [--connections N] [--garbage] [--json FILE]

How many connections one balancer node carries, whatever its limit of open files, and what each costs.

  --connections N   (100000)
  --garbage         collect it all the time, so that what is resident is what is in use; costs CPU time
  --json FILE       the result, for machines`;
const {
  connections: wanted,
  garbage: isCollected,
  ...options
} = benchOptions(usage, { connections: whole(100_000, 100), garbage: flag, json });
const files = machine.filesPerProcess ?? 20_000;
/** Slots of one ring of the load, and connections of one chat server and one client address. */
const perRing = Math.min(files, 20_000);
const groups = Math.ceil(wanted / (0.9 * perRing));
/** First connections, which pay for code, tables and buffers; memory is told of those that follow. */
const warmUp = Math.min(10_000, Math.floor(wanted / 4));
/** Every collection is a full one then. */
const collected = isCollected ? ['--gc-global'] : [];
const steps = 10;
const settleMs = 2_000;
const agreeMs = 15_000;
const port = 9_000;
const host = '127.92.0.1';
/** The kernel searches long for a port when half of those of an address are taken, and that is not what is measured. */
const sourcesPerCrowd = 3;
const directors = Array.from({ length: sourcesPerCrowd * groups }, (_, index) => `127.92.1.${index + 1}`);
const servers = Array.from({ length: groups }, (_, index) => `127.92.2.${index + 1}`);
const sources = ['127.92.3.1', '127.92.3.2'];

const topology = aTopology({
  directors: directors.map((address, index) => ({
    name: `d${index}`,
    host: address,
    controlPort: 7_400,
    interface: undefined,
  })),
  services: [aService({ chatservers: servers.map((_, index) => `c${index + 1}`) })],
  balancers: [aBalancer({ host, workers: undefined, sources })],
  chatservers: servers.map((address, index) =>
    aChatServer(index + 1, { address: { host: address, port: 7_000 }, probe: { kind: 'off' } }),
  ),
});

interface Memory {
  readonly process: number;
  readonly kernel: number;
}

console.log(`${factsLine()}, ${files} open files per process`);
const children: ChildProcess[] = [];
const crowds: Crowd[] = [];
try {
  await start('./hall.js', ['7000', String(perRing), ...servers]);
  const { child, first } = await start(
    '../../test/balancer/balancer-program.js',
    [JSON.stringify(topology)],
    collected,
  );
  const status = first as TierStatus;
  console.log(`one balancer node: limit ${status.limit}, ${status.workers!.length} workers`);
  console.log(`  ${status.engine?.reason}; ${status.spreading?.reason}`);
  if (status.limit < wanted) throw new Error(`the node carries ${status.limit}, not ${wanted}`);
  const pids = [child.pid!, ...status.workers!.map(({ pid }) => pid)];
  await measure(child, pids);
} finally {
  for (const crowd of crowds) crowd.close();
  for (const child of children) child.kill('SIGKILL');
}

async function measure(node: ChildProcess, pids: readonly number[]): Promise<void> {
  const proxied = encodeProxyHeader('v2', { host: '192.0.2.7', port: 4_000 }, { host, port });
  const hello = Buffer.concat([proxied, Buffer.from('hello')]);
  for (let group = 0; group < groups; group++) {
    const from = directors.slice(group * sourcesPerCrowd, (group + 1) * sourcesPerCrowd);
    crowds.push(new Crowd({ host, port }, from, hello, perRing));
  }
  await grow(node, warmUp);
  const before = memoryOf(pids);
  const cpuBefore = cpuOf(pids);
  const startMs = performance.now();
  for (let step = 1; step <= steps; step++) {
    const goal = warmUp + Math.round(((wanted - warmUp) * step) / steps);
    const spent = cpuOf(pids);
    const since = performance.now();
    await grow(node, goal);
    const each = (cpuOf(pids) - spent) / ((wanted - warmUp) / steps) / 1_000;
    const elapsed = ((performance.now() - since) / 1_000).toFixed(1);
    console.log(`  ${goal} connections; the last ${elapsed} s, ${each.toFixed(0)} µs of CPU time each`);
  }
  const seconds = (performance.now() - startMs) / 1_000;
  const cpu = cpuOf(pids) - cpuBefore;
  await sleep(settleMs);
  const after = memoryOf(pids);
  const { connections, workers, counters } = await ask(node);
  const counts = workers!.map((worker) => worker.connections);
  const further = wanted - warmUp;
  const bytes = (part: keyof Memory): number => Math.round((after[part] - before[part]) / further);
  const result = {
    ...benchFacts('relay-capacity'),
    collectedAllTheTime: isCollected,
    connections,
    perSecond: Math.round(further / seconds),
    cpuMicrosecondsEach: Math.round(cpu / further / 1_000),
    workers: counts,
    mostToLeast: Math.max(...counts) / Math.min(...counts),
    bytesPerFurtherConnection: { process: bytes('process'), kernel: bytes('kernel') },
    residentBytes: after.process,
    processes: pids.length,
    refused: counters['refusedFull'],
    withoutDescriptor: counters['descriptorsExhausted'],
    withoutPort: counters['portsExhausted'],
  };
  console.log(`${connections} connections through one node, all greeted`);
  console.log(
    `  opened at ${result.perSecond}/s, waits for the count included; ` +
      `${result.cpuMicrosecondsEach} µs of the node's CPU time each`,
  );
  console.log(`  workers: ${counts.join(', ')}: most to least ${result.mostToLeast.toFixed(3)}`);
  console.log(
    `  bytes per further connection: ${bytes('process')} resident in the node, ${bytes('kernel')} in the kernel`,
  );
  console.log(`  resident in all: ${(after.process / 2 ** 20).toFixed(0)} MiB in ${pids.length} processes`);
  console.log(
    `  refused ${result.refused}, no descriptor ${result.withoutDescriptor}, no port ${result.withoutPort}`,
  );
  writeResult(options.json, result);
}

/** Until there are `goal` clients, evenly from all addresses, and the node says so too. */
async function grow(node: ChildProcess, goal: number): Promise<void> {
  try {
    join(goal);
  } catch (error) {
    const { workers, counters } = await ask(node);
    console.error(JSON.stringify({ workers, counters }));
    throw error;
  }
  const giveUp = performance.now() + agreeMs;
  while ((await ask(node)).connections !== goal) {
    if (performance.now() > giveUp) throw new Error(`the node does not count ${goal} connections`);
    await sleep(100);
  }
}

function join(goal: number): void {
  for (const [index, crowd] of crowds.entries()) {
    const share = Math.floor(goal / crowds.length) + (index < goal % crowds.length ? 1 : 0);
    crowd.grow(share - crowd.size);
  }
}

async function ask(node: ChildProcess): Promise<TierStatus> {
  node.send('status');
  return ((await once(node, 'message')) as [TierStatus])[0];
}

async function start(
  program: string,
  args: readonly string[],
  options: readonly string[] = [],
): Promise<{ child: ChildProcess; first: unknown }> {
  const child = fork(fileURLToPath(new URL(program, import.meta.url)), args, { execArgv: [...options] });
  children.push(child);
  child.once('exit', (code) => code !== null && console.error(`${program} ended with exit code ${code}`));
  const [first] = (await once(child, 'message')) as [unknown];
  return { child, first };
}

function cpuOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuNs(pid), 0);
}

function memoryOf(pids: readonly number[]): Memory {
  const text = readFileSync('/proc/meminfo', 'utf8');
  const kilobytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]);
  return {
    process: pids.reduce((sum, pid) => sum + residentBytes(pid), 0),
    kernel: 1_024 * kilobytes('Slab'),
  };
}
