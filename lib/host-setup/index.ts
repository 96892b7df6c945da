/**
 * Prepares the host of a balancer for VIPs whose packets come from a director without passing a connection of its own
 * (dr, tun): the VIP on the loopback without telling anybody, the kernel's checks, unwrapping, the MSS. Undoes what it
 * did itself and nothing else, also after the process was killed. Knows addresses, not topologies.
 */
export { hostBinding, prepareHost } from './prepare.ts';
export { undoHost, type UndoneHost } from './undo.ts';
export { checkHost } from './check.ts';
export { planHost } from './plan.ts';
export { tunnelMss } from './mss.ts';
export { unwrapCounters, type UnwrapCounter } from './unwrap/index.ts';
export type { HostBinding, HostOptions, HostWishes, PreparedHost, WantedVip } from './types.ts';
