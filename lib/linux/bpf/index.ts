/**
 * eBPF without a compiler: an assembler, a loader over bpf(2), maps, programs, links, pins and feature
 * probes. No libbpf, no BTF, no kernel headers, no command-line tool. Works on x86-64 and arm64; needs root
 * or CAP_BPF and CAP_NET_ADMIN, which bpfAvailable() asks before anything else does. Knows nothing of load
 * balancing.
 */
export * as asm from './asm/index.ts';
export { loadCollection, type Collection, type CollectionSpec, type LoadOptions } from './collection.ts';
export { Link, type Hook, type LinkInfo, type XdpMode } from './link/index.ts';
export {
  BpfMap,
  isPerCpu,
  mapTypes,
  MappedMemory,
  type Batch,
  type Key,
  type MapBatch,
  type MapInfo,
  type MapSpec,
  type MapType,
  type UpdateMode,
} from './map/index.ts';
export { BPFFS, isBpffs, mountBpffs, requireBpffs, unmountBpffs } from './pin/index.ts';
export * from './probe/index.ts';
export {
  Program,
  TcAction,
  XdpAction,
  type AttachType,
  type MapsByName,
  type ProgramInfo,
  type ProgramSpec,
  type ProgramType,
  type TestResult,
  type TestRun,
} from './program/index.ts';
export { possibleCpus } from './sys/cpus.ts';
export { objectIds, type ObjectKind } from './sys/object.ts';
