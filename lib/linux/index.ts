/**
 * Typed doors to the Linux kernel: system calls over koffi, and the few files of /proc that answer the same kind of
 * question. Knows nothing of load balancing. Everything is loaded at first use, so that importing this room is
 * harmless elsewhere; ask linuxAvailable() before calling what needs system calls.
 */
export * from './constants.ts';
export { linuxAvailable, type LinuxAvailability } from './libc.ts';
export { errnoName, isSyscallError, syscallError } from './errno.ts';
export {
  acceptQueue,
  boundSocket,
  endSending,
  listeningSocket,
  localEndpoint,
  sendNow,
  setSocketOption,
  setUserTimeout,
  takeSocketError,
  type AcceptQueue,
} from './sockets.ts';
export { mapShared, memoryFile, sharedMemoryAvailable, type Mapping } from './memory.ts';
export { tryFileLock, type FileLock } from './file-lock.ts';
export { watchReadable, type ReadableWatch } from './readable.ts';
export {
  attachFilter,
  dropAll,
  encodeFilter,
  FilterCode,
  filterInstructionsMost,
  fromNetworkHeader,
  takeAll,
  type EncodedFilter,
  type FilterInstruction,
} from './socket-filter.ts';
export { silentListener } from './silent-listener.ts';
export { endAfter, signalOnParentDeath } from './process.ts';
export { countPorts, ephemeralPorts, getrlimitNofile, somaxconn, type ResourceLimit } from './limits.ts';
