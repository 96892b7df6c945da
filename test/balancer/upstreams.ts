import fc from 'fast-check';
import { createScheduler } from '../../balancer/create-scheduler.ts';
import { recall } from '../../balancer/recall.ts';
import type { SchedulerMemory } from '../../balancer/scheduler.ts';
import type { Upstream } from '../../balancer/upstream.ts';
import type { Endpoint } from '../../lib/address/index.ts';
import type { Algorithm } from '../../topology/index.ts';

export const hashKey = '000102030405060708090a0b0c0d0e0f';

/** Upstreams a, b, c … with the given weights. */
export function upstreams(...weights: number[]): Upstream[] {
  return weights.map((weight, index) => upstream(String.fromCharCode(97 + index), index + 1, weight));
}

export function upstream(name: string, id: number, weight = 1): Upstream {
  const endpoint = { host: `10.0.2.${id}`, port: 7000 };
  return { id, name, key: `${name}@10.0.2.${id}:7000`, endpoint, weight };
}

/** Connections an upstream has. */
export type Loads = (upstream: Upstream) => number;
/** Whether an upstream must not be picked. */
export type Excluded = (upstream: Upstream) => boolean;

export const nobody: Excluded = () => false;
export const idle = (): number => 0;
export const client: Endpoint = { host: '192.0.2.1', port: 40_000 };

/** Client number `index`, each with an address of its own. */
export function clientNumber(index: number): Endpoint {
  return { host: `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`, port: 40_000 };
}

/** A repeatable uniform source (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A scheduler with the values of its candidates, as a pick table would keep them. */
export class Scheduling {
  readonly #algorithm: Algorithm;
  readonly #upstreams: readonly Upstream[];
  readonly #values: number[];
  readonly #pick: (loads: Loads, excluded: Excluded, client: Endpoint) => number;
  /** Hundredths, by place in the list. */
  readonly shares: number[];

  constructor(
    algorithm: Algorithm,
    of: readonly Upstream[],
    memory: SchedulerMemory | undefined,
    random: () => number,
  ) {
    this.#algorithm = algorithm;
    this.#upstreams = of;
    this.#values = [...recall(algorithm, of, memory)];
    this.shares = of.map(() => 100);
    const scheduler = createScheduler(algorithm, { candidates: of, random, hashKey });
    this.#pick = (loads, excluded, from) =>
      scheduler.pick(from, {
        excluded: (index) => excluded(of[index]!),
        load: (index) => loads(of[index]!),
        share: (index) => this.shares[index]!,
        value: (index) => this.#values[index]!,
        setValue: (index, value) => void (this.#values[index] = value),
      });
  }

  pick(from: Endpoint, loads: Loads, excluded: Excluded): Upstream | null {
    return this.#upstreams[this.#pick(loads, excluded, from)] ?? null;
  }

  memory(): SchedulerMemory {
    const values = this.#upstreams.map(({ key }, index): [string, number] => [key, this.#values[index]!]);
    return { algorithm: this.#algorithm, values: new Map(values) };
  }
}

export function make(
  algorithm: Algorithm,
  of: readonly Upstream[],
  memory?: SchedulerMemory,
  random: () => number = seededRandom(1),
): Scheduling {
  return new Scheduling(algorithm, of, memory, random);
}

/** Names of the next `count` picks. */
export function sequence(scheduler: Scheduling, count: number, excluded: Excluded = nobody): string {
  return Array.from({ length: count }, () => scheduler.pick(client, idle, excluded)?.name ?? '-').join('');
}

/** How often each name was picked. */
export function tally(names: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** Lists of up to eight upstreams with weights 1 to 20. */
export const upstreamLists = fc
  .array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 })
  .map((weights) => upstreams(...weights));
