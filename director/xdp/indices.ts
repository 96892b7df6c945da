import type { BpfMap } from '../../lib/linux/bpf/index.ts';
import { assignNames, encodeName, freeName, type Named, type Names, type Wanted } from './names.ts';

/** Indices of one kind of thing, written through to the map that keeps them over restarts. */
export class Indices {
  readonly #map: Pick<BpfMap, 'update'>;
  readonly #capacity: number;
  readonly #identity: (name: string) => string;
  #names: Names;
  #byIdentity: ReadonlyMap<string, number> = new Map();

  /** `identity` is the part of a name that makes it the same thing. */
  constructor(
    map: Pick<BpfMap, 'update'>,
    capacity: number,
    names: Names,
    identity: (name: string) => string = (name) => name,
  ) {
    this.#map = map;
    this.#capacity = capacity;
    this.#identity = identity;
    this.#names = names;
    this.#index();
  }

  /** Gives each its index, for good; answers the names for which there is none. */
  assign(wanted: readonly Wanted[]): readonly string[] {
    const same = (one: string, other: string): boolean => this.#identity(one) === this.#identity(other);
    const { names, changed, overflow } = assignNames(this.#names, wanted, this.#capacity, same);
    for (const index of changed) this.#map.update(index, encodeName(names.get(index)!));
    this.#names = names;
    this.#index();
    return overflow;
  }

  /** The index may be given to another; nothing may refer to it any more. */
  free(index: number): void {
    this.#names = freeName(this.#names, index);
    const named = this.#names.get(index);
    if (named !== undefined) this.#map.update(index, encodeName(named));
    this.#index();
  }

  indexOf(name: string): number | undefined {
    return this.#byIdentity.get(this.#identity(name));
  }

  /** Name of an index that is in use. */
  nameOf(index: number): string | undefined {
    const name = this.#names.get(index)?.name;
    return name === '' ? undefined : name;
  }

  generationOf(index: number): number {
    return this.#names.get(index)?.generation ?? 0;
  }

  /** How the balancer of an index is asked whether it lives. */
  probeOf(index: number): Pick<Named, 'probe' | 'probePort'> | undefined {
    return this.#names.get(index);
  }

  /** Indices that are in use, with their names. */
  inUse(): readonly (readonly [index: number, name: string])[] {
    return [...this.#names].flatMap(([index, { name }]) => (name === '' ? [] : [[index, name] as const]));
  }

  #index(): void {
    this.#byIdentity = new Map(this.inUse().map(([index, name]) => [this.#identity(name), index]));
  }
}
