/** Heartbeats between the tiers: a pure monitor, its driver, probes, and the responder. */
export * from './types.ts';
