import { mapElement } from '../sys/attributes.ts';
import { bpf, pointerTo } from '../sys/bpf.ts';
import { Command } from '../sys/command.ts';

/**
 * The single-element commands of one map. Key, value and attribute buffers are made once, so that a call
 * costs a copy and a system call and makes no garbage.
 */
export class MapElements {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly nextKey: Uint8Array;
  readonly #attributes: Uint8Array;
  readonly #held: readonly Uint8Array[];
  readonly #keyAddress: bigint;
  readonly #valueAddress: bigint;
  readonly #nextAddress: bigint;

  constructor(keySize: number, valueBytes: number) {
    this.key = new Uint8Array(keySize);
    this.value = new Uint8Array(valueBytes);
    this.nextKey = new Uint8Array(keySize);
    this.#held = [this.key, this.value, this.nextKey];
    this.#keyAddress = pointerTo(this.key);
    this.#valueAddress = pointerTo(this.value);
    this.#nextAddress = pointerTo(this.nextKey);
    this.#attributes = new Uint8Array(mapElement.size);
  }

  /** Runs `command` on `key` and `value`; 0 or the negative errno. */
  run(
    fd: number,
    command: typeof Command.MapLookup | typeof Command.MapUpdate | typeof Command.MapDelete,
    flags = 0n,
  ): number {
    // The kernel refuses a delete whose unused fields are not zero.
    const value = command === Command.MapDelete ? 0n : this.#valueAddress;
    return this.#call(fd, command, this.#keyAddress, value, flags);
  }

  /** Puts the key after `key`, or the first one, in `nextKey`; 0 or the negative errno. */
  advance(fd: number, first: boolean): number {
    return this.#call(fd, Command.MapNextKey, first ? 0n : this.#keyAddress, this.#nextAddress, 0n);
  }

  #call(fd: number, command: Command, key: bigint, value: bigint, flags: bigint): number {
    mapElement.set(this.#attributes, 'mapFd', fd);
    mapElement.set(this.#attributes, 'key', key);
    mapElement.set(this.#attributes, 'value', value);
    mapElement.set(this.#attributes, 'flags', flags);
    return bpf(command, this.#attributes, this.#held);
  }
}
