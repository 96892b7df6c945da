import type { Endpoint } from '../lib/address/index.ts';
import type { Algorithm } from '../topology/index.ts';
import type { Excluded, Loads, Upstream } from './upstream.ts';

/** Picks the chat server of each new connection of one service. Replaced whole when the topology changes. */
export interface Scheduler {
  readonly algorithm: Algorithm;
  /** The configured upstreams, healthy or not, in the order of the file. */
  readonly upstreams: readonly Upstream[];
  /** Null when every upstream is excluded. */
  pick(client: Endpoint, loads: Loads, excluded: Excluded): Upstream | null;
  /** What its successor needs to go on with the sequence. */
  memory(): SchedulerMemory;
}

/** The little state of a scheduler that outlives it: one number per upstream key; what it means is the algorithm's. */
export interface SchedulerMemory {
  readonly algorithm: Algorithm;
  readonly values: ReadonlyMap<string, number>;
}

/** What a scheduler is made of. */
export interface SchedulerOptions {
  readonly upstreams: readonly Upstream[];
  /** Of the scheduler before this one; of another algorithm: ignored. */
  readonly memory: SchedulerMemory | undefined;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** 32 hexadecimal digits: the topology's hash key. */
  readonly hashKey: string;
}

/** The remembered values of the upstreams that are still there, when they are of the same algorithm. */
export function recall(
  algorithm: Algorithm,
  { memory, upstreams }: SchedulerOptions,
  otherwise: number,
): Map<string, number> {
  const old = memory?.algorithm === algorithm ? memory.values : undefined;
  return new Map(upstreams.map(({ key }) => [key, old?.get(key) ?? otherwise]));
}
