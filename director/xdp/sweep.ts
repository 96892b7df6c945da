/** One walk over the confirmed flows: how many there are of whom, and which may go when there is hardly room. */
import { flowKeyLayout, flowLayout } from '../forward/index.ts';
import type { DataPathMaps } from './data-path.ts';

/** The part of a DataPath that is swept. */
export interface Swept {
  readonly maps: Pick<DataPathMaps, 'flows'>;
}

export interface Sweep {
  /** Confirmed flows; the flows of a moment that did not stand still. */
  readonly flows: number;
  /** Of the map's capacity, 0 to 1. */
  readonly fill: number;
  /** By index of the balancer. */
  readonly byBalancer: ReadonlyMap<number, number>;
}

/** Counts the confirmed flows; about 0.1 µs each. */
export function sweepFlows({ maps }: Swept): Sweep {
  const byBalancer = new Map<number, number>();
  let flows = 0;
  for (const { count, values } of maps.flows.batch.read()) {
    flows += count;
    for (let index = 0; index < count; index++) {
      const balancer = flowLayout.get(values, 'balancer', index * flowLayout.size);
      byBalancer.set(balancer, (byBalancer.get(balancer) ?? 0) + 1);
    }
  }
  return { flows, fill: flows / maps.flows.spec.maxEntries, byBalancer };
}

export interface ReclaimRule {
  /** Reclaims only above this fill, and down to it: 0.9. */
  readonly aboveFill: number;
  /** Only flows that were silent for longer, in ticks. */
  readonly idleTicks: number;
  /** Now, in ticks. */
  readonly tick: number;
  /** Whether this balancer cannot confirm and disown its connections itself. */
  readonly mayReclaim: (balancer: number) => boolean;
}

/**
 * Removes silent flows of balancers that cannot speak for themselves, the longest silent first, until the fill is back
 * at the limit. Answers how many. Flows of balancers that do confirm are never touched, however silent.
 */
export function reclaimFlows(path: Swept, rule: ReclaimRule): number {
  const { flows: map } = path.maps;
  const { flows } = sweepFlows(path);
  const surplus = flows - Math.floor(rule.aboveFill * map.spec.maxEntries);
  if (surplus <= 0) return 0;
  const silent: { readonly idle: number; readonly key: Uint8Array }[] = [];
  for (const { count, keys, values } of map.batch.read()) {
    for (let index = 0; index < count; index++) {
      const { balancer, lastSeen } = flowLayout.read(values, index * flowLayout.size);
      const idle = idleTicks(rule.tick, lastSeen);
      if (idle <= rule.idleTicks || !rule.mayReclaim(balancer)) continue;
      const at = index * flowKeyLayout.size;
      silent.push({ idle, key: keys.slice(at, at + flowKeyLayout.size) });
    }
  }
  silent.sort((one, other) => other.idle - one.idle);
  const doomed = silent.slice(0, surplus).map(({ key }) => key);
  return map.batch.delete(Uint8Array.from(Buffer.concat(doomed)));
}

/** Ticks wrap. A date just ahead (a packet since `tick` was read) is no silence at all. */
function idleTicks(tick: number, lastSeen: number): number {
  const idle = (tick - lastSeen) >>> 0;
  return idle > 0x8000_0000 ? 0 : idle;
}
