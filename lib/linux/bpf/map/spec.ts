import { HeadgateError } from '../../../errors/index.ts';

/** Map types by number (enum bpf_map_type, include/uapi/linux/bpf.h). */
export const mapTypes = Object.freeze({
  hash: 1,
  array: 2,
  'program-array': 3,
  'per-cpu-hash': 5,
  'per-cpu-array': 6,
  'lru-hash': 9,
  'lru-per-cpu-hash': 10,
  'array-of-maps': 12,
  'hash-of-maps': 13,
  /** Listening sockets of SO_REUSEPORT groups; a socket that is closed takes itself out. */
  'reuseport-sockarray': 20,
});

export type MapType = keyof typeof mapTypes;

/** BPF_F_* of BPF_MAP_CREATE. */
const Flag = { NoPrealloc: 1, ReadOnlyProgram: 128, Mmapable: 1024, InnerMap: 4096 } as const;

/** A map as data. Sizes in bytes. Two equal specs make two equal maps. */
export interface MapSpec {
  readonly type: MapType;
  /** 4 for arrays. */
  readonly keySize: number;
  /** 4 for arrays of programs and maps of maps. */
  readonly valueSize: number;
  readonly maxEntries: number;
  /**
   * User space may map the values into its memory; type `array` only. Each value takes a multiple of 8 bytes.
   */
  readonly mmapable?: boolean;
  /**
   * Whether a hash takes the memory of all entries at once (default true); false is slower but starts small.
   */
  readonly preallocate?: boolean;
  /** Programs may only read; together with freeze() the verifier takes the values as constants. */
  readonly readOnlyForPrograms?: boolean;
  /** An array that may stand in a map of maps beside arrays of other lengths; slower to look up. */
  readonly anyLengthInside?: boolean;
  /** What a map of maps holds. */
  readonly inner?: MapSpec;
}

/** Whether lookups and updates carry one value per possible CPU. */
export function isPerCpu(type: MapType): boolean {
  return type === 'per-cpu-hash' || type === 'per-cpu-array' || type === 'lru-per-cpu-hash';
}

/** Whether the values are maps. */
export function holdsMaps(type: MapType): boolean {
  return type === 'array-of-maps' || type === 'hash-of-maps';
}

const arrays: ReadonlySet<MapType> = new Set([
  'array',
  'per-cpu-array',
  'program-array',
  'array-of-maps',
  'reuseport-sockarray',
]);

/** Whether the keys are the numbers from 0 to maxEntries - 1. */
export function isArray(type: MapType): boolean {
  return arrays.has(type);
}

function problemOf(spec: MapSpec): string | undefined {
  for (const field of ['keySize', 'valueSize', 'maxEntries'] as const) {
    if (!Number.isInteger(spec[field]) || spec[field] < 1) return `${field} must be a whole number above 0`;
  }
  if (spec.maxEntries > 0xffff_ffff) return 'maxEntries does not fit 32 bits';
  if (isArray(spec.type) && spec.keySize !== 4) return `the keys of ${spec.type} are 4 bytes long`;
  const holdsDescriptors =
    spec.type === 'program-array' || spec.type === 'reuseport-sockarray' || holdsMaps(spec.type);
  if (holdsDescriptors && spec.valueSize !== 4)
    return `the values of ${spec.type} are descriptors of 4 bytes`;
  if (holdsMaps(spec.type) !== (spec.inner !== undefined)) {
    return spec.inner === undefined ? 'a map of maps needs an inner spec' : `${spec.type} holds no maps`;
  }
  if (spec.mmapable === true && spec.type !== 'array') return `${spec.type} cannot be mapped into memory`;
  const isHash = spec.type === 'hash' || spec.type === 'per-cpu-hash';
  if (spec.preallocate === false && !isHash && spec.type !== 'hash-of-maps') {
    return `${spec.type} is always preallocated`;
  }
  if (spec.anyLengthInside === true && spec.type !== 'array') return `${spec.type} cannot vary in length`;
  return undefined;
}

/** Throws HEADGATE_BPF_SPEC when the spec of map `name` contradicts itself. */
export function checkMapSpec(name: string, spec: MapSpec): void {
  const problem = problemOf(spec);
  if (problem !== undefined) throw new HeadgateError('HEADGATE_BPF_SPEC', `eBPF map ${name}: ${problem}`);
  if (spec.inner !== undefined) checkMapSpec(`${name} (inner)`, spec.inner);
}

/** The flags BPF_MAP_CREATE takes for a spec. */
export function mapFlags(spec: MapSpec): number {
  return (
    (spec.preallocate === false ? Flag.NoPrealloc : 0) |
    (spec.readOnlyForPrograms === true ? Flag.ReadOnlyProgram : 0) |
    (spec.mmapable === true ? Flag.Mmapable : 0) |
    (spec.anyLengthInside === true ? Flag.InnerMap : 0)
  );
}
