/** Maps: what programs and the control plane share. Specs are data, a BpfMap owns a descriptor. */
export { BpfMap, type Key, type MapInfo, type UpdateMode } from './map.ts';
export { MapBatch, type Batch } from './batch.ts';
export { MappedMemory } from './mapped-memory.ts';
export { checkMapSpec, isPerCpu, mapTypes, type MapSpec, type MapType } from './spec.ts';
