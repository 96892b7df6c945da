/** What the kernel is to have in its maps for a forwarding table; pure. */
import { formatEndpoint } from '../../lib/address/index.ts';
import { noNode, type MaglevTable } from '../../lib/maglev/index.ts';
import { ipBytes, macBytes } from '../../lib/packet/index.ts';
import { BalancerState, noBalancer, type ForwardBalancer } from '../forward/index.ts';
import type { ForwardingTable } from '../forwarding-table.ts';
import type { Standing } from '../eligibility.ts';
import type { ServiceMode } from '../forwarding-mode.ts';
import type { Way } from './ways.ts';

const noMac = new Uint8Array(6);

/** Where a balancer of this id is: ids are `name@host`. */
export function hostOfId(id: string): string {
  return id.slice(id.indexOf('@') + 1);
}

/** State of a balancer of the table; `before` is what the kernel has, which an unknown health does not change. */
export function balancerState(
  table: Pick<ForwardingTable, 'services' | 'dead'>,
  id: string,
  before: BalancerState | undefined,
): BalancerState {
  if (table.dead.includes(id)) return BalancerState.Dead;
  const standings = table.services.flatMap(({ balancers }) =>
    balancers.flatMap((balancer) => (balancer.id === id ? [balancer.standing] : [])),
  );
  if (standings.includes('eligible')) return BalancerState.Up;
  if (standings.includes('down')) return BalancerState.Down;
  const isUnknown = standings.length > 0 && standings.every((standing) => standing === 'unknown');
  return isUnknown && before === BalancerState.Down ? before : BalancerState.Draining;
}

/** The entry of a balancer. A MAC address that is known stays when the way is lost. */
export function balancerEntry(
  id: string,
  generation: number,
  state: BalancerState,
  way: Way | undefined,
  ifindex: number,
  before: ForwardBalancer | undefined,
): ForwardBalancer {
  const usable = way !== undefined && way.ifindex === ifindex && !way.local && way.mac !== undefined;
  const known = before?.generation === generation ? before.mac : noMac;
  return {
    state,
    generation,
    mac: usable ? macBytes(way.mac) : known,
    address: ipBytes(hostOfId(id)),
  };
}

/** Why packets of this mode cannot go this way; undefined when they can. `mac`: what the kernel has already. */
export function obstacleOf(
  way: Way | undefined,
  ifindex: number,
  mode: ServiceMode,
  mac: Uint8Array | undefined,
): Standing | undefined {
  const isKnown = mac !== undefined && mac.some((byte) => byte !== 0);
  if (way === undefined) return isKnown ? undefined : 'no-way';
  if (way.local || way.ifindex !== ifindex) return 'no-way';
  if (mode === 'dr' && !way.direct) return 'behind-router';
  return way.mac === undefined && !isKnown ? 'no-way' : undefined;
}

/** A table's slots with the indices of the kernel; `indices` in the order of the table's nodes. */
export function slotsOf(maglev: MaglevTable, indices: readonly number[]): Uint16Array {
  const slots = new Uint16Array(maglev.size);
  for (let slot = 0; slot < slots.length; slot++) {
    const owner = maglev.slots[slot] ?? noNode;
    slots[slot] = owner === noNode ? noBalancer : (indices[owner] ?? noBalancer);
  }
  return slots;
}

/** Whether two entries are the same bytes in the kernel. */
export function sameBalancer(one: ForwardBalancer | undefined, other: ForwardBalancer): boolean {
  return (
    one !== undefined &&
    one.state === other.state &&
    one.generation === other.generation &&
    Buffer.compare(one.mac, other.mac) === 0 &&
    Buffer.compare(one.address, other.address) === 0
  );
}

/** Identity of a service for its flows. */
export function vipOf({ listen }: { readonly listen: Parameters<typeof formatEndpoint>[0] }): string {
  return formatEndpoint(listen);
}
