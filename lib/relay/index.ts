/**
 * Joins two TCP connections: accepts clients, asks a router where each goes, connects there and carries bytes, FIN and
 * RST both ways. One interface (types.ts), two engines: `node` (portable) and `uring` (Linux).
 */
export * from './types.ts';
export {
  createRelayFor,
  engineLimit,
  engineVariable,
  missingForUring,
  preferredEngine,
  requireEngine,
  type ChosenEngine,
  type EngineName,
  type EnginePreference,
} from './choose.ts';
export { createWithFallback, type EngineInForce, type RelayMaker } from './choose-fallback.ts';
export { connectionLimit, defaultDescriptorReserve } from './connection-limit.ts';
export { tryListening } from './listen-trial.ts';
export { createNodeRelay } from './node/relay.ts';
export { createUringRelay } from './uring/relay.ts';
