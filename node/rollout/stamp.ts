/** Which roll-out a topology came with. Pure. */
import type { Json } from '../../lib/control/index.ts';

/**
 * Identity of an applied topology. Ordered by generation, then by id: two roll-outs that could not see each other may
 * have given the same generation, and then all nodes must take the same one of the two.
 */
export interface Stamp {
  /** Counts the roll-outs of a cluster; 0: never rolled out, from the node's own file. */
  readonly generation: number;
  /** Unique per roll-out, later ones sort behind earlier ones; empty in generation 0. */
  readonly id: string;
  /** Content hash of the topology. */
  readonly hash: string;
}

/** The stamp of a topology that no roll-out brought. */
export function unstamped(hash: string): Stamp {
  return { generation: 0, id: '', hash };
}

/** The stamp of the roll-out after `base`. `random` is uniform in [0, 1). */
export function nextStamp(base: Stamp, hash: string, wallMs: number, random: () => number): Stamp {
  const moment = Math.round(wallMs).toString(16).padStart(12, '0');
  const noise = Math.floor(random() * 0x1_0000_0000)
    .toString(16)
    .padStart(8, '0');
  return { generation: base.generation + 1, id: `${moment}-${noise}`, hash };
}

/** Below 0 when `one` is older than `other`, 0 when both came with the same roll-out. */
export function compareStamps(one: Stamp, other: Stamp): number {
  if (one.generation !== other.generation) return one.generation - other.generation;
  if (one.id === other.id) return 0;
  return one.id < other.id ? -1 : 1;
}

/** The newer of two. */
export function newerStamp(one: Stamp, other: Stamp | undefined): Stamp {
  return other !== undefined && compareStamps(other, one) > 0 ? other : one;
}

/** Reads a stamp that came over the wire or from disk; undefined when it is none. */
export function readStamp(value: unknown): Stamp | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { generation, id, hash } = value as Readonly<Record<string, unknown>>;
  if (typeof generation !== 'number' || !Number.isSafeInteger(generation) || generation < 0) return undefined;
  if (typeof id !== 'string' || !/^[0-9a-f-]{0,64}$/.test(id)) return undefined;
  if (typeof hash !== 'string' || !/^[0-9a-f]{0,64}$/.test(hash)) return undefined;
  return { generation, id, hash };
}

/** The stamp in a note that was stored with a topology; undefined when it is none, or of another topology. */
export function stampInNote(note: string | undefined, hash: string): Stamp | undefined {
  if (note === undefined) return undefined;
  try {
    const stamp = readStamp(JSON.parse(note));
    return stamp?.hash === hash ? stamp : undefined;
  } catch {
    return undefined;
  }
}

/** The note to store with a topology. */
export function noteOf(stamp: Stamp): string {
  return JSON.stringify(stampBody(stamp));
}

export function stampBody({ generation, id, hash }: Stamp): Json {
  return { generation, id, hash };
}
