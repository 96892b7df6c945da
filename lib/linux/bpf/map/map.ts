import { HeadgateError } from '../../../errors/index.ts';
import { mapInfo, mapOnly } from '../sys/attributes.ts';
import { attributesOf, bpf } from '../sys/bpf.ts';
import { Command } from '../sys/command.ts';
import { possibleCpus } from '../sys/cpus.ts';
import { bpfError, Errno } from '../sys/errno.ts';
import { Descriptor } from '../sys/descriptor.ts';
import { decodeName } from '../sys/name.ts';
import { readInfo } from '../sys/object.ts';
import { openPinned, pinObject } from '../pin/pin.ts';
import { MapBatch } from './batch.ts';
import { createMapDescriptor } from './create.ts';
import { MapElements } from './elements.ts';
import { MappedMemory, mapArray } from './mapped-memory.ts';
import { isPerCpu, type MapSpec } from './spec.ts';
import { checkPinnedMap } from './pinned.ts';

/** A key: its bytes, or the index in an array (or any map with keys of 4 bytes, as a u32). */
export type Key = Uint8Array | number;

/** When an update writes: always, only a new key, only an existing one (BPF_ANY, BPF_NOEXIST, BPF_EXIST). */
export type UpdateMode = 'any' | 'new' | 'existing';
const MODES: Readonly<Record<UpdateMode, bigint>> = { any: 0n, new: 1n, existing: 2n };

/** What the kernel tells about a map. */
export interface MapInfo {
  readonly id: number;
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
}

/**
 * A map in the kernel. Owns its descriptor; close() it. All methods throw HEADGATE_BPF_MAP with the errno in
 * the cause when the kernel refuses, and HEADGATE_BPF_CLOSED after close(). Values of per-CPU maps are one
 * value per possible CPU, each rounded up to 8 bytes, one after the other.
 */
export class BpfMap {
  readonly name: string;
  readonly spec: MapSpec;
  /** Bytes of a value as system calls carry it. */
  readonly valueBytes: number;
  /** Many elements per system call. */
  readonly batch: MapBatch;
  readonly #descriptor: Descriptor;
  readonly #elements: MapElements;

  private constructor(name: string, spec: MapSpec, descriptor: Descriptor) {
    this.name = name;
    this.spec = spec;
    this.#descriptor = descriptor;
    this.valueBytes = isPerCpu(spec.type) ? roundUp8(spec.valueSize) * possibleCpus() : spec.valueSize;
    this.#elements = new MapElements(spec.keySize, this.valueBytes);
    this.batch = new MapBatch(this);
  }

  /** Throws HEADGATE_BPF_SPEC, HEADGATE_BPF_MAP or HEADGATE_BPF_UNAVAILABLE. */
  static create(name: string, spec: MapSpec): BpfMap {
    return new BpfMap(name, spec, createMapDescriptor(name, spec));
  }

  /**
   * Opens a pinned map. Throws HEADGATE_BPF_PIN when there is none (fact `missing`),
   * HEADGATE_BPF_PIN_MISMATCH when it is not a map of this spec.
   */
  static open(path: string, name: string, spec: MapSpec): BpfMap {
    const descriptor = openPinned(path, 'map');
    try {
      checkPinnedMap(path, readInfo(descriptor.fd, mapInfo), spec);
      return new BpfMap(name, spec, descriptor);
    } catch (error) {
      descriptor.close();
      throw error;
    }
  }

  /**
   * A map whose descriptor this process got from its parent; it is this object's from now on. Throws
   * HEADGATE_BPF_PIN_MISMATCH when it is not a map of this spec.
   */
  static inherit(fd: number, name: string, spec: MapSpec): BpfMap {
    checkPinnedMap(`descriptor ${fd}`, readInfo(fd, mapInfo), spec);
    return new BpfMap(name, spec, new Descriptor(fd, `map ${name}`));
  }

  get fd(): number {
    return this.#descriptor.fd;
  }

  /** A copy of the value, or undefined when the key is not there. */
  lookup(key: Key): Uint8Array | undefined {
    const value = this.peek(key);
    return value === undefined ? undefined : value.slice();
  }

  /** Like lookup(), but the bytes are this map's buffer: valid until the next call. */
  peek(key: Key): Uint8Array | undefined {
    this.#setKey(key);
    const result = this.#elements.run(this.fd, Command.MapLookup);
    if (result === -Errno.ENOENT) return undefined;
    if (result < 0) throw this.failure('look up in', Command.MapLookup, result);
    return this.#elements.value;
  }

  /** The value of each possible CPU; undefined when the key is not there. */
  lookupPerCpu(key: Key): readonly Uint8Array[] | undefined {
    const value = this.lookup(key);
    if (value === undefined) return undefined;
    const stride = roundUp8(this.spec.valueSize);
    return Array.from({ length: value.length / stride }, (_, cpu) =>
      value.subarray(cpu * stride, cpu * stride + this.spec.valueSize),
    );
  }

  /**
   * Writes an entry; false when `mode` forbade it. In a per-CPU map a value of `spec.valueSize` bytes is
   * written for every CPU.
   */
  update(key: Key, value: Uint8Array, mode: UpdateMode = 'any'): boolean {
    this.#setKey(key);
    this.#setValue(value);
    const result = this.#elements.run(this.fd, Command.MapUpdate, MODES[mode]);
    if (mode === 'new' && result === -Errno.EEXIST) return false;
    if (mode === 'existing' && result === -Errno.ENOENT) return false;
    if (result < 0) throw this.failure('update', Command.MapUpdate, result);
    return true;
  }

  /**
   * Puts a program into an array of programs, or a map into a map of maps. Programs see the old or the new
   * one; for a map of maps the call comes back only when no program uses the old one any more (an RCU grace
   * period, often 10 to 20 ms).
   */
  put(key: Key, object: { readonly fd: number }): void {
    const value = new Uint8Array(4);
    new DataView(value.buffer).setUint32(0, object.fd, true);
    this.update(key, value);
  }

  /** Removes an entry; false when it was not there. */
  delete(key: Key): boolean {
    this.#setKey(key);
    const result = this.#elements.run(this.fd, Command.MapDelete);
    if (result === -Errno.ENOENT) return false;
    if (result < 0) throw this.failure('delete from', Command.MapDelete, result);
    return true;
  }

  /** The key after `key` in the map's own order, or the first one; undefined at the end. */
  nextKey(key?: Key): Uint8Array | undefined {
    if (key !== undefined) this.#setKey(key);
    const result = this.#elements.advance(this.fd, key === undefined);
    if (result === -Errno.ENOENT) return undefined;
    if (result < 0) throw this.failure('iterate', Command.MapNextKey, result);
    return this.#elements.nextKey.slice();
  }

  /**
   * All keys, one system call each. While others write, keys may come twice or be left out; it ends in any
   * case after twice `maxEntries` keys.
   */
  *keys(): Generator<Uint8Array, void, void> {
    let key = this.nextKey();
    for (let count = 0; key !== undefined && count < 2 * this.spec.maxEntries; count++) {
      yield key;
      key = this.nextKey(key);
    }
  }

  /** Forbids user space to write from now on, for ever. */
  freeze(): void {
    const result = bpf(Command.MapFreeze, attributesOf(mapOnly, { mapFd: this.fd }));
    if (result < 0) throw this.failure('freeze', Command.MapFreeze, result);
  }

  /** Maps the values of a mmapable array into memory; lives on its own until its close(). */
  memory(access: 'read' | 'read-write' = 'read-write'): MappedMemory {
    return mapArray(this.name, this.fd, this.spec, access);
  }

  info(): MapInfo {
    const { id, name, type, keySize, valueSize, maxEntries, mapFlags } = readInfo(this.fd, mapInfo);
    return { id, name: decodeName(name), type, keySize, valueSize, maxEntries, flags: mapFlags };
  }

  /**
   * Gives the map a place in bpffs, where it outlives this process. Throws HEADGATE_BPF_PIN,
   * HEADGATE_BPF_NO_BPFFS.
   */
  pin(path: string): void {
    pinObject(this.fd, path);
  }

  /** Idempotent. The map itself lives as long as a program, a pin or a mapping refers to it. */
  close(): void {
    this.#descriptor.close();
  }

  /** The error of a refused command on this map. */
  failure(verb: string, command: Command, result: number): HeadgateError {
    return bpfError('HEADGATE_BPF_MAP', `${verb} eBPF map ${this.name}`, command, result, {
      map: this.name,
      full: -result === Errno.E2BIG,
    });
  }

  #setKey(key: Key): void {
    const buffer = this.#elements.key;
    if (typeof key === 'number') {
      if (buffer.length !== 4) throw this.#misfit(`an index is no key of ${buffer.length} bytes`);
      if (!Number.isInteger(key) || key < 0 || key > 0xffff_ffff) throw this.#misfit(`${key} is no index`);
      buffer[0] = key;
      buffer[1] = key >>> 8;
      buffer[2] = key >>> 16;
      buffer[3] = key >>> 24;
      return;
    }
    if (key.length !== buffer.length)
      throw this.#misfit(`the key has ${key.length} bytes, not ${buffer.length}`);
    buffer.set(key);
  }

  #setValue(value: Uint8Array): void {
    const buffer = this.#elements.value;
    if (value.length === buffer.length) {
      buffer.set(value);
    } else if (value.length === this.spec.valueSize) {
      const stride = roundUp8(this.spec.valueSize);
      for (let at = 0; at < buffer.length; at += stride) buffer.set(value, at);
    } else {
      throw this.#misfit(`the value has ${value.length} bytes, not ${this.spec.valueSize}`);
    }
  }

  #misfit(problem: string): HeadgateError {
    return new HeadgateError('HEADGATE_BPF_SPEC', `eBPF map ${this.name}: ${problem}`);
  }
}

function roundUp8(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}
