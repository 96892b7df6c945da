import type { Endpoint } from '../lib/address/index.ts';
import type { Algorithm } from '../topology/index.ts';
import type { Upstream } from './upstream.ts';

/** What a scheduler knows of a candidate for good. */
export type Candidate = Pick<Upstream, 'key' | 'weight'>;

/** The whole of a share, in the unit of `PickView.share`. */
export const wholeShare = 100;

/**
 * What a scheduler sees of its candidates, by their place in its list, at the moment of a pick. One number per candidate
 * is the scheduler's own: what it remembers from pick to pick, and over reloads.
 */
export interface PickView {
  /** Must not be picked (down, at its limit, tried already …). */
  excluded(index: number): boolean;
  /** Connections it has now from all workers of this node, connects under way included. */
  load(index: number): number;
  /** Hundredths of its share it is to get: less than `wholeShare` while it starts slowly; at least 1. */
  share(index: number): number;
  value(index: number): number;
  setValue(index: number, value: number): void;
}

/** Picks the chat server of each new connection of one service. Has no state of its own; replaced whole on a reload. */
export interface Scheduler {
  readonly algorithm: Algorithm;
  /** Place of the candidate picked, -1 when every one is excluded. */
  pick(client: Endpoint, view: PickView): number;
}

/** What a scheduler is made of. */
export interface SchedulerOptions {
  /** Healthy or not, in the order of the file. */
  readonly candidates: readonly Candidate[];
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** 32 hexadecimal digits: the topology's hash key. */
  readonly hashKey: string;
}

/** The values of a list of candidates, as they outlive its scheduler. */
export interface SchedulerMemory {
  readonly algorithm: Algorithm;
  readonly values: ReadonlyMap<string, number>;
}
