/**
 * A typed door to io_uring, over koffi: rings, requests and completions, provided buffers, direct descriptors, a table
 * that tells late completions apart, feature probes, and a way to run a ring from Node's event loop. Knows nothing of load
 * balancing. Importing it is harmless anywhere; ask uringSupport() or requireUring() before making a ring.
 *
 * A program writes requests (`prepareReceiveMultishot(ring.sqe(low, high), socket, group)`), submits them in batches,
 * and drains completions; `low` and `high` come back with each. See prepare/ for the operations.
 */
export { decodeSockaddr, encodeSockaddr, sockaddrBytesMost } from '../sockaddr.ts';
export * from './abi/constants.ts';
export { msghdrStruct, iovecStruct } from './abi/structs.ts';
export { opcodes, type Opcode } from './abi/opcodes.ts';
export { BufferGroup, type BufferGroupOptions } from './buffer-group.ts';
export { direct, isDirect, slotOf, type Descriptor } from './descriptor.ts';
export { DirectTable, type DirectTableOptions } from './direct-table.ts';
export { EventDescriptor, signalDescriptor } from './event-descriptor.ts';
export { Memory } from './memory.ts';
export { OperationTable } from './operation-table.ts';
export * from './prepare/index.ts';
export {
  featureKernels,
  missingFeatures,
  requireUring,
  uringSupport,
  whyNotUring,
  type Feature,
  type UringSupport,
} from './probe.ts';
export { watchReadable, type ReadableWatch } from '../readable.ts';
export { RingLoop, type RingLoopOptions, type RingLoopStats } from './ring-loop.ts';
export { Ring, type CompletionHandler, type RingStats } from './ring.ts';
export { type RingMode, type RingOptions } from './setup.ts';
export { type Sqe } from './sqe.ts';
export { timespecBytes, writeTimespec } from './timespec.ts';
export * from './user-data.ts';
