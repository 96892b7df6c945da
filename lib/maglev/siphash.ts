/** A 128-bit SipHash key as four 32-bit words, `k0` first (SipHash paper, section 2.1: little-endian words). */
export interface SipKey {
  readonly k0Low: number;
  readonly k0High: number;
  readonly k1Low: number;
  readonly k1High: number;
}

/** A 64-bit number as two unsigned 32-bit halves; written in place so that hashing allocates nothing. */
export interface Hash64 {
  high: number;
  low: number;
}

/** Compression and finalization rounds: SipHash-c-d. */
export interface SipRounds {
  readonly compression: number;
  readonly finalization: number;
}

/** SipHash-1-3: what hash tables of Rust and Python use; fast, and enough where no tag is published. */
export const sipHash13: SipRounds = { compression: 1, finalization: 3 };
/** SipHash-2-4: the paper's own choice; here because its vectors are the published ones. */
export const sipHash24: SipRounds = { compression: 2, finalization: 4 };

/** Reads a key of exactly 16 bytes; throws RangeError on any other length. */
export function sipKey(bytes: Uint8Array): SipKey {
  if (bytes.length !== 16) throw new RangeError(`a SipHash key has 16 bytes, got ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    k0Low: view.getInt32(0, true),
    k0High: view.getInt32(4, true),
    k1Low: view.getInt32(8, true),
    k1High: view.getInt32(12, true),
  };
}

/**
 * SipHash of the first `length` bytes of `data`, into `out`; both halves unsigned.
 *
 * 64-bit words are pairs of int32 and carries are computed by hand: BigInt would allocate at every step. The
 * finalization is run as one more message word of zero, so that the round is written once.
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012.
 */
export function sipHash(
  key: SipKey,
  data: Uint8Array,
  length: number,
  out: Hash64,
  rounds: SipRounds = sipHash13,
): void {
  // "somepseudorandomlygeneratedbytes", big-endian.
  let v0h = key.k0High ^ 0x736f6d65;
  let v0l = key.k0Low ^ 0x70736575;
  let v1h = key.k1High ^ 0x646f7261;
  let v1l = key.k1Low ^ 0x6e646f6d;
  let v2h = key.k0High ^ 0x6c796765;
  let v2l = key.k0Low ^ 0x6e657261;
  let v3h = key.k1High ^ 0x74656462;
  let v3l = key.k1Low ^ 0x79746573;

  const lastWord = length >>> 3;
  for (let word = 0; word <= lastWord + 1; word++) {
    let mh = 0;
    let ml = 0;
    let turns = rounds.compression;
    const at = word * 8;
    if (word < lastWord) {
      ml = word32(data, at);
      mh = word32(data, at + 4);
    } else if (word === lastWord) {
      // The last word: what is left, zeros, and the length modulo 256 in its highest byte.
      for (let i = at; i < length; i++) {
        const shift = (i & 3) * 8;
        if (i - at < 4) ml |= data[i]! << shift;
        else mh |= data[i]! << shift;
      }
      mh |= (length & 0xff) << 24;
    } else {
      v2l ^= 0xff;
      turns = rounds.finalization;
    }

    v3h ^= mh;
    v3l ^= ml;
    for (let turn = 0; turn < turns; turn++) {
      let low = (v0l >>> 0) + (v1l >>> 0);
      v0h = (v0h + v1h + (low > 0xffff_ffff ? 1 : 0)) | 0;
      v0l = low | 0;
      let high = (v1h << 13) | (v1l >>> 19);
      v1l = ((v1l << 13) | (v1h >>> 19)) ^ v0l;
      v1h = high ^ v0h;
      high = v0h;
      v0h = v0l;
      v0l = high;

      low = (v2l >>> 0) + (v3l >>> 0);
      v2h = (v2h + v3h + (low > 0xffff_ffff ? 1 : 0)) | 0;
      v2l = low | 0;
      high = (v3h << 16) | (v3l >>> 16);
      v3l = ((v3l << 16) | (v3h >>> 16)) ^ v2l;
      v3h = high ^ v2h;

      low = (v0l >>> 0) + (v3l >>> 0);
      v0h = (v0h + v3h + (low > 0xffff_ffff ? 1 : 0)) | 0;
      v0l = low | 0;
      high = (v3h << 21) | (v3l >>> 11);
      v3l = ((v3l << 21) | (v3h >>> 11)) ^ v0l;
      v3h = high ^ v0h;

      low = (v2l >>> 0) + (v1l >>> 0);
      v2h = (v2h + v1h + (low > 0xffff_ffff ? 1 : 0)) | 0;
      v2l = low | 0;
      high = (v1h << 17) | (v1l >>> 15);
      v1l = ((v1l << 17) | (v1h >>> 15)) ^ v2l;
      v1h = high ^ v2h;
      high = v2h;
      v2h = v2l;
      v2l = high;
    }
    v0h ^= mh;
    v0l ^= ml;
  }

  out.high = (v0h ^ v1h ^ v2h ^ v3h) >>> 0;
  out.low = (v0l ^ v1l ^ v2l ^ v3l) >>> 0;
}

/** Four bytes from `at`, little-endian, as int32. */
function word32(data: Uint8Array, at: number): number {
  return data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24);
}

/** The rest of a 64-bit hash divided by `divisor`, which is at most 2^20: every step stays exact in a double. */
export function hashModulo(hash: Hash64, divisor: number): number {
  return ((hash.high % divisor) * (0x1_0000_0000 % divisor) + hash.low) % divisor;
}

/** Sixteen hexadecimal digits, highest first. */
export function hashHex({ high, low }: Hash64): string {
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}
