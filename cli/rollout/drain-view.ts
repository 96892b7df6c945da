/** What is told of a node that drains. Pure. */
import { formatDuration, formatMoment } from '../../topology/index.ts';

/** How many connections a node had at a moment. */
export interface DrainSample {
  readonly atMs: number;
  readonly connections: number;
}

/** Rates are taken over so long: chat connections end in bursts. */
const rateWindowMs = 30_000;
/** Below this age a rate says nothing. */
const leastWindowMs = 2_000;

/** The samples that later rates need, with the new one. */
export function withSample(samples: readonly DrainSample[], sample: DrainSample): readonly DrainSample[] {
  return [...samples.filter(({ atMs }) => sample.atMs - atMs <= rateWindowMs), sample];
}

/**
 * One line: what is left, how fast it ends, and when the last one will have ended at that rate, or at the deadline. `nowMs`
 * is the wall clock, as is `untilMs`; the samples have a clock of their own.
 */
export function drainLine(
  node: string,
  samples: readonly DrainSample[],
  nowMs: number,
  untilMs: number | undefined,
): string {
  const first = samples[0];
  const last = samples.at(-1);
  if (first === undefined || last === undefined) return `${node}: not counted yet`;
  if (last.connections === 0) return `${node}: no connection is left`;
  const parts = [`${node}: ${last.connections} connections`];
  const elapsedMs = last.atMs - first.atMs;
  const perSecond =
    elapsedMs < leastWindowMs ? 0 : ((first.connections - last.connections) * 1_000) / elapsedMs;
  if (elapsedMs >= leastWindowMs) parts.push(`${Math.max(0, perSecond).toFixed(1)} end per second`);
  const leftMs = perSecond > 0 ? (last.connections * 1_000) / perSecond : Infinity;
  const untilLeftMs = untilMs === undefined ? Infinity : Math.max(0, untilMs - nowMs);
  if (leftMs < untilLeftMs) parts.push(`the last in about ${roughly(leftMs)}`);
  else if (untilMs !== undefined)
    parts.push(
      untilLeftMs === 0
        ? 'the rest is being closed'
        : `the rest is closed in ${roughly(untilLeftMs)}, at ${formatMoment(untilMs)}`,
    );
  return parts.join(', ');
}

/** Whole seconds below two minutes, else whole minutes. */
function roughly(ms: number): string {
  const unitMs = ms < 120_000 ? 1_000 : 60_000;
  return formatDuration(Math.max(unitMs, Math.round(ms / unitMs) * unitMs));
}
