import { BpfMap, type MapSpec } from './map/index.ts';
import { Program, type ProgramSpec } from './program/index.ts';

/**
 * Maps and the programs that use them, as data. The keys are the names: in instructions and in the kernel.
 */
export interface CollectionSpec {
  readonly maps: Readonly<Record<string, MapSpec>>;
  readonly programs: Readonly<Record<string, ProgramSpec>>;
}

/** What a spec became. Owns everything in it. */
export interface Collection<Spec extends CollectionSpec> {
  readonly maps: { readonly [Name in keyof Spec['maps']]: BpfMap };
  readonly programs: { readonly [Name in keyof Spec['programs']]: Program };
  /** Closes all descriptors, those of reused maps too. Idempotent. */
  readonly close: () => void;
}

export interface LoadOptions {
  /**
   * Maps to use instead of making new ones (found pinned, say). The collection owns them from now on, also
   * when loading fails.
   */
  readonly reuse?: Readonly<Record<string, BpfMap>>;
}

/**
 * Makes the maps and loads the programs with references to maps resolved by name. On failure everything made
 * so far is closed and the error of the first fault is thrown (HEADGATE_BPF_SPEC, _MAP, _VERIFIER,
 * _UNAVAILABLE).
 */
export function loadCollection<const Spec extends CollectionSpec>(
  spec: Spec,
  options: LoadOptions = {},
): Collection<Spec> {
  const maps: Record<string, BpfMap> = { ...options.reuse };
  const programs: Record<string, Program> = {};
  const close = () => {
    for (const owned of [...Object.values(programs), ...Object.values(maps)]) owned.close();
  };
  try {
    for (const [name, map] of Object.entries(spec.maps)) maps[name] ??= BpfMap.create(name, map);
    for (const [name, program] of Object.entries(spec.programs)) {
      programs[name] = Program.load(name, program, maps);
    }
  } catch (error) {
    close();
    throw error;
  }
  // Every name of the spec has been made above.
  return Object.freeze({
    maps: Object.freeze(maps) as Collection<Spec>['maps'],
    programs: Object.freeze(programs) as Collection<Spec>['programs'],
    close,
  });
}
