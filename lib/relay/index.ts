/**
 * Joins two TCP connections: accepts clients, asks a router where each goes, connects there and carries bytes, FIN and
 * RST both ways. One interface (types.ts), several engines.
 */
export * from './types.ts';
export { connectionLimit, defaultDescriptorReserve } from './connection-limit.ts';
export { createNodeRelay } from './node/relay.ts';
