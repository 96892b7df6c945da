import { modularInverses } from './prime.ts';
import { hashModulo, sipHash, type Hash64, type SipKey } from './siphash.ts';

/**
 * In which order each node likes the slots: slot number j of a node is
 *
 *     (inverse(start + j · step) + shift) mod size
 *
 * The paper's own order is (start + j · step) mod size. Two such arithmetic progressions can run along each other for long
 * when their steps are related by a small ratio; then the removal of one node moves many slots of the others: over 2,000
 * random keys up to 8.6 % of them, this order at most 0.46 % (docs/design/0001-maglev-hash.md). A shift apart for
 * each node after a common non-linear step leaves no such pairs.
 */
export interface Preferences {
  readonly starts: Uint32Array;
  /** 1 to size - 1. */
  readonly steps: Uint32Array;
  readonly shifts: Uint32Array;
  /** Modular inverse of each number below size. */
  readonly inverses: Uint32Array;
}

/** Prefixes of a hashed name; longer than a flow's 18 bytes, so that no name hashes like a client. */
const walkPurpose = 'headgate maglev walk\0';
const shiftPurpose = 'headgate maglev shift\0';

export function preferences(
  key: SipKey,
  nodes: readonly { readonly name: string }[],
  size: number,
): Preferences {
  const starts = new Uint32Array(nodes.length);
  const steps = new Uint32Array(nodes.length);
  const shifts = new Uint32Array(nodes.length);
  const hash: Hash64 = { high: 0, low: 0 };
  for (const [index, { name }] of nodes.entries()) {
    hashName(key, walkPurpose, name, hash);
    starts[index] = hash.high % size;
    steps[index] = 1 + (hash.low % (size - 1));
    hashName(key, shiftPurpose, name, hash);
    shifts[index] = hashModulo(hash, size);
  }
  return { starts, steps, shifts, inverses: inversesOf(size) };
}

function hashName(key: SipKey, purpose: string, name: string, out: Hash64): void {
  const input = Buffer.from(purpose + name);
  sipHash(key, input, input.length, out);
}

/** A process uses one size, so the last table of inverses is kept: 256 KiB, and half the time of a build. */
let lastInverses: Uint32Array = new Uint32Array(0);

function inversesOf(size: number): Uint32Array {
  if (lastInverses.length !== size) lastInverses = modularInverses(size);
  return lastInverses;
}
