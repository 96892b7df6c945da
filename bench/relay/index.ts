/**
 * What relayed connections cost: our engines beside nginx (stream) and HAProxy, in turns in one run.
 * `npm run bench -- relay [--seconds S] [--rounds R] [--shapes PART,PART…] [--json FILE]`, where PART begins a shape's title. Prints
 * CPU time of the relay (or the latency) per shape, median and range over the rounds, and the ratio to the better of nginx and
 * HAProxy of the same round beside its mark; then the resident memory of a further idle connection. Needs nginx with its
 * stream module and haproxy: fails when one does not run. Uses 127.91.0.0/16.
 */
import { benchFacts, factsLine, writeResult } from '../facts.ts';
import { median, residentBytes } from '../measure.ts';
import { benchOptions, json, positive, text, whole } from '../options.ts';
import { PingPong } from '../traffic/ping-pong.ts';
import { peers, startRelay, type PeerName } from './peers.ts';
import { Server } from './server.ts';
import { bulk, connects, latency, pingPong, push, trickle, type Shape } from './shapes.ts';

const usage = `usage: npm run bench -- relay [--seconds S] [--rounds R] [--shapes PART,PART…] [--json FILE]

CPU time per round trip of our relay beside nginx and HAProxy, in turns.

  --seconds S   of each measurement (1)
  --rounds R    turns (5)
  --shapes P,…  only shapes whose title begins with one of these, and no memory
  --json FILE   the result, for machines`;
const { seconds, rounds, ...options } = benchOptions(usage, {
  seconds: positive(1),
  rounds: whole(5),
  shapes: text(''),
  json,
});
const idleConnections = 1_000;
const idleSteps = 7;
/** What V8 keeps for short-lived objects depends on the pace of connects, not on their number. */
const smallYoungGeneration = ['--max-semi-space-size=1'];
const warmUpMs = 400;
const serverConnections = 16_000;
const foreign = ['nginx', 'haproxy'] as const;

let halfRate = 0;
const shapes: readonly Shape[] = [
  pingPong(100, 64, 0.75),
  pingPong(1_000, 64),
  pingPong(4_000, 64, 0.65),
  pingPong(10, 65_536, 0.5),
  bulk(4, 0.6),
  connects(10_000, 64, 64, 1),
  push(9_000, 200, 0.65),
  trickle(1_000, 64, 100),
  latency(4_000, 64, () => halfRate, 1),
].filter(({ title }) => options.shapes.split(',').some((part) => title.startsWith(part)));

interface Result {
  readonly shape: string;
  readonly unit: string;
  readonly mark: number | undefined;
  readonly values: Readonly<Record<string, readonly number[]>>;
  readonly ratios: Readonly<Record<string, readonly number[]>>;
}

console.log(`${factsLine(foreign)}, ${seconds} s × ${rounds} rounds`);
const results: Result[] = [];
for (const [index, shape] of shapes.entries()) {
  const server = await Server.start(
    { host: '127.91.200.1', port: 9_000 + index },
    serverConnections,
    shape.messageBytes,
  );
  try {
    if (shape.unit === 'ms') halfRate = (await mostRoundTrips(server)) / 2;
    results.push(await compare(shape, index, server));
  } finally {
    server.kill();
  }
}
if (options.shapes === '') await compareMemory();
writeResult(options.json, { ...benchFacts('relay', foreign), seconds, rounds, results });

async function compare(shape: Shape, index: number, server: Server): Promise<Result> {
  const values: Record<PeerName, number[]> = { uring: [], node: [], nginx: [], haproxy: [] };
  for (let round = 0; round < rounds; round++) {
    for (const [place, peer] of peers.entries()) {
      const listen = { host: `127.91.${place}.1`, port: 10_000 + index * 100 + round };
      const relay = await startRelay(peer, listen, server.endpoint);
      try {
        values[peer].push(await shape.measure({ relay, listen, server, seconds }));
      } finally {
        await relay.stop();
      }
    }
  }
  const better = values.nginx.map((value, round) => Math.min(value, values.haproxy[round]!));
  const ratio = (peer: PeerName): number[] => values[peer].map((value, round) => value / better[round]!);
  const ratios = {
    uring: ratio('uring'),
    node: ratio('node'),
    nginx: ratio('nginx'),
    haproxy: ratio('haproxy'),
  };
  const { title, unit, mark } = shape;
  console.log(`\n${title}: ${unit}, ratio${mark === undefined ? '' : ` (mark ${mark})`}`);
  for (const peer of peers) {
    console.log(`  ${peer.padEnd(9)}${spread(values[peer]).padEnd(24)}${spread(ratios[peer])}`);
  }
  return { shape: title, unit, mark, values, ratios };
}

/** Round trips per second that the better of the two carries over 4,000 connections. */
async function mostRoundTrips(server: Server): Promise<number> {
  let most = 0;
  for (const [index, peer] of foreign.entries()) {
    const listen = { host: `127.91.${10 + index}.1`, port: 9_998 };
    const relay = await startRelay(peer, listen, server.endpoint);
    const load = new PingPong(listen.host, listen.port, 4_000, 64);
    try {
      load.play(warmUpMs);
      most = Math.max(most, load.play(seconds * 1_000) / seconds);
    } finally {
      load.close();
      await relay.stop();
    }
  }
  console.log(`\n${most.toFixed(0)} round trips per second at most`);
  return most;
}

/** After the first connections, so that code, tables and buffers are there; every connection has had messages relayed. */
async function compareMemory(): Promise<void> {
  const server = await Server.start({ host: '127.91.200.1', port: 8_999 }, serverConnections, 64);
  console.log(`\nresident bytes per further idle connection, of ${idleSteps * idleConnections}`);
  for (const [index, peer] of peers.entries()) {
    const listen = { host: `127.91.${index}.1`, port: 9_999 };
    const relay = await startRelay(peer, listen, server.endpoint, smallYoungGeneration);
    const loads: PingPong[] = [];
    const idle = async (): Promise<number> => {
      const load = new PingPong(listen.host, listen.port, idleConnections, 64);
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
  server.kill();
}

function spread(values: readonly number[]): string {
  const digits = median(values) < 10 ? 2 : 1;
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`;
}
