/** Shows how a draining node empties, until nothing is left. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { SurveyedNode } from '../../node/index.ts';
import type { Topology } from '../../topology/index.ts';
import type { CommandIo } from '../command.ts';
import { leftOn } from './drain-count.ts';
import { drainLine, withSample, type DrainSample } from './drain-view.ts';

const refreshMs = 1_000;
/** In a pipe a line is written at most this often, and only when the number has changed. */
const pipeRefreshMs = 10_000;

export interface Drain {
  readonly name: string;
  /** When the rest is closed, on the wall clock. */
  readonly untilMs: number | undefined;
  readonly topology: Topology;
  /** Asks every node. */
  readonly look: () => Promise<readonly SurveyedNode[]>;
  readonly everyMs?: number;
}

/** Resolves with whether nothing is left; false: Ctrl-C came first. What is not known is told, and is not nothing. */
export async function watchDrain(
  { name, untilMs, topology, look, everyMs = refreshMs }: Drain,
  io: CommandIo,
): Promise<boolean> {
  const isTerminal = io.stdout.isTTY === true;
  let samples: readonly DrainSample[] = [];
  let toldMs = -Infinity;
  /** The number that was told last; undefined: that it is not known. */
  let told: number | undefined = -1;
  let isEmpty = false;
  while (!io.signal.aborted) {
    const { connections, unknown } = leftOn(name, topology, await look());
    const isKnown = unknown === undefined;
    const count = isKnown ? connections : undefined;
    const atMs = performance.now();
    if (isKnown) samples = withSample(samples, { atMs, connections });
    const line = isKnown
      ? drainLine(name, samples, Date.now(), untilMs)
      : `${name}: how many connections are left is not known: ${unknown}`;
    if (isTerminal) io.stdout.write(`\r\u001B[K${line}`);
    else if (count !== told && (!count || atMs - toldMs >= pipeRefreshMs)) {
      io.out(line);
      toldMs = atMs;
      told = count;
    }
    isEmpty = count === 0;
    if (isEmpty) break;
    await sleep(everyMs, undefined, { signal: io.signal }).catch(() => undefined);
  }
  if (isTerminal) io.stdout.write('\n');
  if (!isEmpty) io.out(`${name} goes on draining; headgate topology undrain ${name} takes it back`);
  return isEmpty;
}
