/**
 * The control channel between nodes: requests, answers and one-way messages over TLS 1.3 with a key that every
 * node of the cluster holds. The wire format is in docs/control-protocol.md.
 */
export * from './types.ts';
export { ControlKey } from './key.ts';
export { KeyRing, type ControlKeys } from './key-ring.ts';
export { controlLimits, type ControlLimits } from './limits.ts';
export { createControlServer, type BoundControlServer, type ControlServerOptions } from './server.ts';
export { connectControl, connectLocal, isNotThere, type ConnectControlOptions } from './client.ts';
export { tryControlPort } from './listen.ts';
export { connectTcp, type ConnectTcpOptions } from './connect-tcp.ts';
