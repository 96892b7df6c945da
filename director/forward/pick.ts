import { BalancerState, Mode, noBalancer } from './numbers.ts';
import {
  mapped,
  type FlowEntry,
  type ForwardBalancer,
  type ForwardService,
  type ForwardState,
} from './state.ts';

/** A balancer and its index. */
export interface Picked {
  readonly index: number;
  readonly balancer: ForwardBalancer;
}

/** The balancer a new flow of this client begins with; undefined when none is eligible. `client`: 4 or 16 bytes. */
export function pick(
  state: ForwardState,
  service: ForwardService,
  client: Uint8Array,
  port: number,
): Picked | undefined {
  const slot = state.config.hasher.slot(mapped(client), port, service.slots.length);
  const index = service.slots[slot] ?? noBalancer;
  const balancer = state.balancers[index];
  // Draining and down are the table's business; it may be a moment behind or ahead.
  if (balancer === undefined || balancer.state === BalancerState.Absent) return undefined;
  return balancer.state === BalancerState.Dead ? undefined : { index, balancer };
}

/** The balancer an entry names; undefined when its index lives another life by now. */
export function ownerOf(state: ForwardState, entry: FlowEntry): Picked | undefined {
  const balancer = state.balancers[entry.balancer];
  if (balancer === undefined || balancer.state === BalancerState.Absent) return undefined;
  return balancer.generation === entry.generation ? { index: entry.balancer, balancer } : undefined;
}

/** Whether an entry that has no owner is one of a proxied flow. */
export function isProxied({ balancer, mode }: FlowEntry): boolean {
  return mode === Mode.Proxy && balancer === noBalancer;
}
