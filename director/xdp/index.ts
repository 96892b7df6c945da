/**
 * The xdp plane's part in the kernel: the eBPF program that does what director/forward says, and its maps.
 */
export { defaultCapacity, mapSpecs, tableBytes, type Capacity } from './maps.ts';
export { forwardProgram, type FormName } from './program/index.ts';
export { writeEndpoints } from './endpoints.ts';
export {
  decodeBalancer,
  decodeFlow,
  encodeBalancer,
  encodeConfig,
  encodeEndpoint,
  encodeFlow,
  encodeOrigin,
  encodeService,
  encodeTable,
} from './encode.ts';
export { confirmFlows, disownFlows, type Confirmed, type Owner } from './confirm.ts';
export { DataPath, type DataPathMaps, type DataPathOptions } from './data-path.ts';
export { readCounters, type DataPathCounters } from './read-counters.ts';
export { writeServices } from './services.ts';
export { detachDirector, xdpKind } from './system.ts';
export { XdpPlane, type XdpPlaneOptions } from './xdp-plane.ts';
export { reclaimFlows, sweepFlows, type ReclaimRule, type Sweep, type Swept } from './sweep.ts';
export { flowsInMaps, type BereavedPath, type MapFlow } from './bereaved.ts';
