import fc from 'fast-check';
import { createScheduler } from '../../balancer/create-scheduler.ts';
import type { Scheduler, SchedulerMemory } from '../../balancer/scheduler.ts';
import type { Excluded, Upstream } from '../../balancer/upstream.ts';
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

export function make(
  algorithm: Algorithm,
  of: readonly Upstream[],
  memory?: SchedulerMemory,
  random: () => number = seededRandom(1),
): Scheduler {
  return createScheduler(algorithm, { upstreams: of, memory, random, hashKey });
}

/** Names of the next `count` picks. */
export function sequence(scheduler: Scheduler, count: number, excluded: Excluded = nobody): string {
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
