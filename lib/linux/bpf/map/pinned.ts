import { HeadgateError } from '../../../errors/index.ts';
import type { mapInfo } from '../sys/attributes.ts';
import { mapFlags, mapTypes, type MapSpec } from './spec.ts';

type Info = ReturnType<(typeof mapInfo)['read']>;

/**
 * Flags that the kernel adds by itself or that only say who may write: they do not change what a map is
 * (BPF_F_RDONLY, BPF_F_WRONLY).
 */
const IGNORED_FLAGS = 0x08 | 0x10;

/** Throws HEADGATE_BPF_PIN_MISMATCH, naming every difference, unless the map behind `path` has this spec. */
export function checkPinnedMap(path: string, info: Info, spec: MapSpec): void {
  const pairs: readonly (readonly [what: string, found: number, wanted: number])[] = [
    ['type', info.type, mapTypes[spec.type]],
    ['key size', info.keySize, spec.keySize],
    ['value size', info.valueSize, spec.valueSize],
    ['entries', info.maxEntries, spec.maxEntries],
    ['flags', info.mapFlags & ~IGNORED_FLAGS, mapFlags(spec)],
  ];
  const differences = pairs.filter(([, found, wanted]) => found !== wanted);
  if (differences.length === 0) return;
  const text = differences.map(([what, found, wanted]) => `${what} ${found} instead of ${wanted}`).join(', ');
  throw new HeadgateError('HEADGATE_BPF_PIN_MISMATCH', `pinned map ${path}: ${text}`, { facts: { path } });
}
