/** Whether what a process holds stays the same over time, or leaks. */

/** What a process held at one moment. */
export interface Sample {
  readonly atMs: number;
  /** Bytes, descriptors, … */
  readonly value: number;
  /** Connections it carried then; what they cost is no leak. */
  readonly connections: number;
}

export interface Tolerance {
  /** Growth over the samples that is taken for noise: so much of the median, or … */
  readonly share: number;
  /** … so much, whichever is more. */
  readonly least: number;
}

export interface Trend {
  readonly samples: number;
  readonly minutes: number;
  /** Growth per hour that the connections do not explain: least squares over time and connections. */
  readonly slopePerHour: number;
  /** The slope times the length of the observation. */
  readonly growth: number;
  readonly tolerated: number;
  readonly median: number;
  readonly isFlat: boolean;
}

/** Fewer samples, or a shorter time, say nothing. */
export const fewestSamples = 12;
export const shortestMs = 300_000;
const hourMs = 3_600_000;

/**
 * The trend of samples in the order of their times, without the first quarter of them: a process that began a short time
 * ago still fills its caches. Undefined when there are too few. Only growth is wrong.
 */
export function trendOf(samples: readonly Sample[], { share, least }: Tolerance): Trend | undefined {
  const settled = samples.slice(Math.floor(samples.length / 4));
  const [first] = settled;
  const last = settled.at(-1);
  if (settled.length < fewestSamples || first === undefined || last === undefined) return undefined;
  if (last.atMs - first.atMs < shortestMs) return undefined;
  const slope = slopeOverTime(settled);
  const growth = slope * (last.atMs - first.atMs);
  const middle = settled.map(({ value }) => value).toSorted((a, b) => a - b)[settled.length >> 1]!;
  const tolerated = Math.max(least, share * middle);
  return {
    samples: settled.length,
    minutes: (last.atMs - first.atMs) / 60_000,
    slopePerHour: slope * hourMs,
    growth,
    tolerated,
    median: middle,
    isFlat: growth <= tolerated,
  };
}

/** The coefficient of time in value = a + b · time + c · connections, by least squares. */
function slopeOverTime(samples: readonly Sample[]): number {
  const mean = (of: (sample: Sample) => number): number =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const [meanAt, meanConnections, meanValue] = [
    mean(({ atMs }) => atMs),
    mean(({ connections }) => connections),
    mean(({ value }) => value),
  ];
  let [tt, tc, cc, tv, cv] = [0, 0, 0, 0, 0];
  for (const { atMs, connections, value } of samples) {
    const [t, c, v] = [atMs - meanAt, connections - meanConnections, value - meanValue];
    tt += t * t;
    tc += t * c;
    cc += c * c;
    tv += t * v;
    cv += c * v;
  }
  if (tt === 0) return 0;
  const determinant = tt * cc - tc * tc;
  // Connections that never change, or only with the time, explain nothing that time does not.
  if (determinant <= 1e-9 * tt * cc) return tv / tt;
  return (tv * cc - cv * tc) / determinant;
}
