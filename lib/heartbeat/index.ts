/** Heartbeats between the tiers: a pure monitor, its driver, probes, and the responder. */
export * from './types.ts';
export { createHeartbeats, type HeartbeatsOptions } from './heartbeats.ts';
export type { Forwards } from './forwards.ts';
export type { BeatPeer, Generations } from './generations.ts';
export type { ControlIdentity } from './probe-headgate.ts';
export { createResponder, type Responder, type ResponderOptions } from './responder.ts';
