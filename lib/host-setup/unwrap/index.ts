/** The eBPF programs of a host that gets its packets wrapped: one takes the outer header off, one lowers the MSS. */
export { mapSpecs, tunnelLayout, unwrapCounters, vipLayout, type UnwrapCounter } from './layouts.ts';
export { unwrapProgram } from './ingress.ts';
export { clampProgram } from './egress.ts';
export { noCounts, removePins, Tunnel, tunnelAvailable, type TunnelWishes } from './tunnel.ts';
