import { HeadgateError } from '../../../errors/index.ts';
import { mapBatch } from '../sys/attributes.ts';
import { attributesOf, bpf, pointerTo } from '../sys/bpf.ts';
import { Command } from '../sys/command.ts';
import { Errno } from '../sys/errno.ts';
import type { MapSpec } from './spec.ts';

/** The part of a map that batches need. */
export interface BatchedMap {
  readonly fd: number;
  readonly name: string;
  readonly spec: MapSpec;
  readonly valueBytes: number;
  failure(verb: string, command: Command, result: number): HeadgateError;
}

/** Elements one after the other. */
export interface Batch {
  readonly count: number;
  /** `count` keys. */
  readonly keys: Uint8Array;
  /** `count` values, as system calls carry them. */
  readonly values: Uint8Array;
}

/** Elements asked for at once when reading a whole map. */
const DEFAULT_COUNT = 4_096;

/**
 * The batch commands of a map: many elements per system call. Not for maps of maps and arrays of programs.
 */
export class MapBatch {
  readonly #map: BatchedMap;

  constructor(map: BatchedMap) {
    this.#map = map;
  }

  /**
   * Writes as many entries as `keys` holds. An error leaves those before it written; its fact `written` says
   * how many.
   */
  update(keys: Uint8Array, values: Uint8Array): void {
    const count = this.#count(keys);
    if (values.length !== count * this.#map.valueBytes) {
      throw this.#misfit(`${count} values are ${count * this.#map.valueBytes} bytes, not ${values.length}`);
    }
    this.#run('update', Command.MapUpdateBatch, keys, values, count);
  }

  /** Removes the entries of `keys`; those that are not there are skipped. Answers how many were removed. */
  delete(keys: Uint8Array): number {
    const { keySize } = this.#map.spec;
    let removed = 0;
    // The kernel stops at a key that is not there; go on behind it.
    for (let rest = keys; rest.length > 0;) {
      const count = this.#count(rest);
      const attributes = this.#attributes(rest, undefined, count);
      const result = bpf(Command.MapDeleteBatch, attributes, [rest]);
      if (result < 0 && result !== -Errno.ENOENT) {
        throw this.#map.failure('delete a batch from', Command.MapDeleteBatch, result);
      }
      const done = mapBatch.get(attributes, 'count');
      removed += done;
      if (result >= 0) return removed;
      rest = rest.subarray((done + 1) * keySize);
    }
    return removed;
  }

  /**
   * Reads the whole map, `count` entries per system call. While others write, entries may come twice or be
   * left out. A hash bucket that does not fit doubles the count. The arrays are reused by the next step.
   */
  *read(count = DEFAULT_COUNT): Generator<Batch, void, void> {
    yield* this.#walk(Command.MapLookupBatch, count);
  }

  /** Like read(), and removes what it has read; hashes only. */
  *drain(count = DEFAULT_COUNT): Generator<Batch, void, void> {
    yield* this.#walk(Command.MapLookupAndDeleteBatch, count);
  }

  *#walk(
    command: typeof Command.MapLookupBatch | typeof Command.MapLookupAndDeleteBatch,
    firstCount: number,
  ): Generator<Batch, void, void> {
    const { spec, valueBytes } = this.#map;
    let room = Math.max(1, Math.min(firstCount, spec.maxEntries));
    let keys = new Uint8Array(room * spec.keySize);
    let values = new Uint8Array(room * valueBytes);
    // Opaque: a bucket number or a key, whichever is longer.
    const cursor = new Uint8Array(Math.max(4, spec.keySize));
    for (let first = true; ;) {
      const attributes = this.#attributes(keys, values, room);
      mapBatch.set(attributes, 'inBatch', first ? 0n : pointerTo(cursor));
      mapBatch.set(attributes, 'outBatch', pointerTo(cursor));
      const result = bpf(command, attributes, [keys, values, cursor]);
      if (result === -Errno.ENOSPC && room < spec.maxEntries) {
        room = Math.min(room * 2, spec.maxEntries);
        keys = new Uint8Array(room * spec.keySize);
        values = new Uint8Array(room * valueBytes);
        continue;
      }
      if (result < 0 && result !== -Errno.ENOENT) throw this.#map.failure('read a batch of', command, result);
      const count = mapBatch.get(attributes, 'count');
      if (count > 0) {
        yield {
          count,
          keys: keys.subarray(0, count * spec.keySize),
          values: values.subarray(0, count * valueBytes),
        };
      }
      if (result === -Errno.ENOENT) return;
      first = false;
    }
  }

  #run(verb: string, command: Command, keys: Uint8Array, values: Uint8Array, count: number): void {
    if (count === 0) return;
    const attributes = this.#attributes(keys, values, count);
    const result = bpf(command, attributes, [keys, values]);
    if (result >= 0) return;
    const written = mapBatch.get(attributes, 'count');
    const error = this.#map.failure(`${verb} a batch of ${count} in`, command, result);
    throw new HeadgateError(error.code, error.message, {
      cause: error.cause,
      facts: { ...error.facts, written },
    });
  }

  #attributes(keys: Uint8Array, values: Uint8Array | undefined, count: number): Uint8Array {
    return attributesOf(mapBatch, {
      keys: pointerTo(keys),
      values: pointerTo(values),
      count,
      mapFd: this.#map.fd,
    });
  }

  #count(keys: Uint8Array): number {
    const count = keys.length / this.#map.spec.keySize;
    if (!Number.isInteger(count)) throw this.#misfit(`${keys.length} bytes are not a whole number of keys`);
    return count;
  }

  #misfit(problem: string): HeadgateError {
    return new HeadgateError('HEADGATE_BPF_SPEC', `eBPF map ${this.#map.name}: ${problem}`);
  }
}
