/**
 * The raw plane: forwards packets from user space over raw sockets, with CAP_NET_RAW alone. forward() decides, so it is
 * also the reference model at work. Modes: fullnat, where answers come back through here, and tun.
 */
export { createRawPlane, RawPlane, type RawPlaneOptions } from './raw-plane.ts';
export { defaultSourcePorts, rawCapacity } from './capacity.ts';
export { rawCounterNames, type RawCounter } from './counters.ts';
export { rawKind } from './system.ts';
export { rawLack, whyNotRaw } from './why-not-raw.ts';
export type { RawMode } from './world.ts';
