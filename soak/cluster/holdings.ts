/** What processes hold: memory and descriptors over time, of every node. */
import { readFileSync } from 'node:fs';
import { openDescriptors } from '../../test/descriptors.ts';
import { trendOf, type Sample, type Tolerance, type Trend } from '../trend.ts';

/**
 * Growth over the observation that is no leak. V8 grows its heap by steps and gives back late, and a process that serves
 * new kinds of work compiles it: noise of some MiB. Each node that comes or goes costs the others a control connection or two,
 * and those of visitors that left may close a moment later than they are counted.
 */
export const tolerances = {
  memoryBytes: { share: 0.15, least: 16 * 1_048_576 },
  descriptors: { share: 0, least: 12 },
} as const satisfies Readonly<Record<string, Tolerance>>;

export type Holding = keyof typeof tolerances;

/** A process with all it started. */
export interface Holdings {
  readonly memoryBytes: number;
  readonly descriptors: number;
}

/** What `pid` and its descendants hold: resident memory that no file backs, and open descriptors. */
export function holdingsOf(pid: number): Holdings {
  const pids = familyOf(pid);
  return {
    memoryBytes: pids.reduce((sum, each) => sum + anonymousBytes(each), 0),
    descriptors: pids.reduce((sum, each) => sum + openDescriptors(each), 0),
  };
}

function familyOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  return [pid, ...children.flatMap((child) => familyOf(Number(child)))];
}

function anonymousBytes(pid: number): number {
  const [, kibibytes] = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kibibytes) * 1_024;
}

export interface NodeTrend {
  /** `b2` is its first process, `b2 (2)` the next. */
  readonly node: string;
  readonly memoryBytes: Trend;
  readonly descriptors: Trend;
}

/** Samples by process. */
export class HoldingsLog {
  readonly #samples = new Map<string, Record<Holding, Sample[]>>();

  add(node: string, atMs: number, connections: number, holdings: Holdings): void {
    const own = this.#samples.get(node) ?? { memoryBytes: [], descriptors: [] };
    this.#samples.set(node, own);
    for (const holding of ['memoryBytes', 'descriptors'] as const)
      own[holding].push({ atMs, connections, value: holdings[holding] });
  }

  /** Of every process that lived long enough to tell. */
  trends(): NodeTrend[] {
    return [...this.#samples].flatMap(([node, samples]) => {
      const memoryBytes = trendOf(samples.memoryBytes, tolerances.memoryBytes);
      const descriptors = trendOf(samples.descriptors, tolerances.descriptors);
      return memoryBytes === undefined || descriptors === undefined
        ? []
        : [{ node, memoryBytes, descriptors }];
    });
  }
}

/** What grew beyond its tolerance, in words. */
export function growing(trends: readonly NodeTrend[]): string[] {
  return trends.flatMap((trend) =>
    (['memoryBytes', 'descriptors'] as const).flatMap((holding) => {
      const { isFlat, growth, tolerated, minutes } = trend[holding];
      if (isFlat) return [];
      const words = `${growth.toFixed(0)} in ${minutes.toFixed(0)} min, ${tolerated.toFixed(0)} are tolerated`;
      return [`${trend.node}: ${holding} grew by ${words}`];
    }),
  );
}
