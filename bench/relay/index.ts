/**
 * What a relayed message costs: our engines beside nginx (stream) and HAProxy, in turns in one run.
 * `npx tsc && node dist/bench/relay/index.js [seconds per measurement] [rounds] [connections,connections…]`. Prints CPU time of
 * the relay per 64-byte round trip (median, spread) and the ratio to the better of nginx and HAProxy in the same round, then
 * the resident memory of a further idle connection. Needs nginx with its stream module and haproxy. Uses 127.91.0.0/16.
 */
import { execFileSync, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { release } from 'node:os';
import { cpuNs, median, residentBytes } from '../measure.ts';
import { Load } from '../uring-loop/load.ts';
import { peers, startRelay, type PeerName } from './peers.ts';

const seconds = Number(process.argv[2] ?? 1);
const rounds = Number(process.argv[3] ?? 5);
const shapes = (process.argv[4] ?? '100,1000,4000').split(',').map(Number);
const idleConnections = 1_000;
const idleSteps = 7;
/** What V8 keeps for short-lived objects depends on the pace of connects, not on their number. */
const smallYoungGeneration = ['--max-semi-space-size=1'];
const messageBytes = 64;
const warmUpMs = 400;
const nsPerUs = 1_000;

const haproxy = execFileSync('haproxy', ['-v'], { encoding: 'utf8' }).split(' ').slice(0, 3).join(' ');
console.log(`kernel ${release()}, node ${process.version}, ${haproxy}, ${seconds} s × ${rounds} rounds`);
const server = { host: '127.91.200.1', port: 9_000 };
const echo = await startEcho();
try {
  for (const connections of shapes) await compareCosts(connections);
  await compareMemory();
} finally {
  echo.kill('SIGKILL');
}

async function startEcho(): Promise<ChildProcess> {
  const args = ['loop', server.host, `${server.port}`, '16000'];
  const child = fork(new URL('../uring-loop/server.js', import.meta.url), args);
  await once(child, 'message');
  return child;
}

async function compareCosts(connections: number): Promise<void> {
  const costs = new Map<PeerName, number[]>(peers.map((peer) => [peer, []]));
  for (let round = 0; round < rounds; round++) {
    for (const peer of peers) costs.get(peer)!.push(await cost(peer, connections, 10_000 + round));
  }
  const better = costs.get('nginx')!.map((ns, round) => Math.min(ns, costs.get('haproxy')![round]!));
  console.log(`\n${connections} connections × ${messageBytes} B: CPU µs per round trip, ratio`);
  for (const [peer, list] of costs) {
    const ratios = list.map((us, round) => us / better[round]!);
    console.log(`  ${peer.padEnd(9)}${spread(list, 1).padEnd(22)}${spread(ratios, 2)}`);
  }
}

async function cost(peer: PeerName, connections: number, port: number): Promise<number> {
  const listen = { host: `127.91.${peers.indexOf(peer)}.1`, port };
  const relay = await startRelay(peer, listen, server);
  try {
    const load = new Load(listen.host, listen.port, connections, messageBytes);
    load.play(warmUpMs);
    const before = cpuNs(relay.pid);
    const roundTrips = load.play(seconds * 1_000);
    const us = (cpuNs(relay.pid) - before) / nsPerUs / roundTrips;
    load.close();
    return us;
  } finally {
    await relay.stop();
  }
}

/** After the first connections, so that code, tables and buffers are there; every connection has had messages relayed. */
async function compareMemory(): Promise<void> {
  console.log(`\nresident bytes per further idle connection, of ${idleSteps * idleConnections}`);
  for (const [index, peer] of peers.entries()) {
    const listen = { host: `127.91.${index}.1`, port: 9_999 };
    const relay = await startRelay(peer, listen, server, smallYoungGeneration);
    const loads: Load[] = [];
    const idle = async (): Promise<number> => {
      const load = new Load(listen.host, listen.port, idleConnections, messageBytes);
      loads.push(load);
      load.play(warmUpMs);
      await relay.settle();
      return residentBytes(relay.pid);
    };
    try {
      const before = await idle();
      let after = before;
      for (let step = 0; step < idleSteps; step++) after = await idle();
      console.log(`  ${peer.padEnd(9)}${((after - before) / (idleSteps * idleConnections)).toFixed(0)}`);
    } finally {
      for (const load of loads) load.close();
      await relay.stop();
    }
  }
}

function spread(values: readonly number[], digits: number): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`;
}
