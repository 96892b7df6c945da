/** Which kind of plane carries a mode: the first that works here. What has carried it goes on carrying it. */
import type { Lack, ServiceMode } from './forwarding-mode.ts';
import type { PacketPlaneKind } from './packet-planes.ts';

export class KindChoice {
  readonly #kinds: readonly PacketPlaneKind[];
  readonly #ask: (kind: PacketPlaneKind) => Lack | undefined;
  /** Kinds whose plane runs: these work. */
  readonly #running = new Set<PacketPlaneKind>();
  /** What has carried a mode: its flows are there. */
  readonly #used = new Map<ServiceMode, PacketPlaneKind>();
  readonly #lacks = new Map<PacketPlaneKind, Lack | undefined>();

  /** Kinds in order of preference. `ask` says what a kind lacks here. */
  constructor(kinds: readonly PacketPlaneKind[], ask: (kind: PacketPlaneKind) => Lack | undefined) {
    this.#kinds = kinds;
    this.#ask = ask;
  }

  /** What did not work is tried again. */
  forget(): void {
    this.#lacks.clear();
  }

  /** The plane of a kind runs. */
  opened(kind: PacketPlaneKind): void {
    this.#running.add(kind);
    this.#lacks.clear();
  }

  /** A mode is carried by its kind from now on. */
  use(mode: ServiceMode): PacketPlaneKind | undefined {
    const kind = this.kindOf(mode);
    if (kind !== undefined) this.#used.set(mode, kind);
    return kind;
  }

  /** The kind of a mode; one that does not work only where none does. */
  kindOf(mode: ServiceMode): PacketPlaneKind | undefined {
    const used = this.#used.get(mode);
    if (used !== undefined && this.#running.has(used)) return used;
    const able = this.#ableTo(mode);
    // Asking takes time, which a restart does not have.
    if (able.length < 2) return able[0];
    return able.find((kind) => this.#lackOfKind(kind) === undefined) ?? able[0];
  }

  /** Why no plane here forwards by a mode; undefined: one does. */
  lackOf(mode: ServiceMode): Lack | undefined {
    if (mode === 'proxy') return undefined;
    const kind = this.kindOf(mode);
    if (kind === undefined)
      return { reason: `no plane of this director forwards by ${mode}`, cure: 'use forwarding: proxy' };
    if (this.#lackOfKind(kind) === undefined) return undefined;
    const all = this.#ableTo(mode).flatMap((each) => {
      const lack = this.#lackOfKind(each);
      return lack === undefined ? [] : [{ name: each.name, ...lack }];
    });
    const [only] = all;
    if (all.length === 1) return { reason: only!.reason, cure: only!.cure };
    return {
      reason: all.map(({ name, reason }) => `${name}: ${reason}`).join('; '),
      cure: all.map(({ name, cure }) => `for ${name} ${cure}`).join('; '),
    };
  }

  /** Why not the preferred kind carries a mode, with its cure, on one line; undefined: it does. */
  steadOf(mode: ServiceMode): string | undefined {
    const [preferred] = this.#ableTo(mode);
    const kind = this.kindOf(mode);
    if (kind === undefined || preferred === undefined || kind === preferred) return undefined;
    const lack = this.#lackOfKind(preferred);
    const why =
      lack === undefined
        ? `its connections are there, ${preferred.name} works now`
        : `${preferred.name} does not work here: ${lack.reason}; to have it, ${lack.cure}`;
    return `by the plane ${kind.name}: ${why}`;
  }

  #ableTo(mode: ServiceMode): readonly PacketPlaneKind[] {
    return this.#kinds.filter(({ modes }) => modes.includes(mode));
  }

  #lackOfKind(kind: PacketPlaneKind): Lack | undefined {
    if (this.#running.has(kind)) return undefined;
    if (!this.#lacks.has(kind)) this.#lacks.set(kind, this.#ask(kind));
    return this.#lacks.get(kind);
  }
}
