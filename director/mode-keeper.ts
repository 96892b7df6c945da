/** Keeps the modes in force: asks what works here, chooses, and tells the operator what cannot be had. */
import type { Logger } from 'pino';
import { formatEndpoint } from '../lib/address/index.ts';
import type { Clock } from '../lib/clock/index.ts';
import { describeError, HeadgateError, isHeadgateError } from '../lib/errors/index.ts';
import type { TargetHealth } from '../lib/heartbeat/index.ts';
import type { Balancer, Director, Topology } from '../topology/index.ts';
import { balancerId } from './balancer-identity.ts';
import { standingTexts, type Standing } from './eligibility.ts';
import { chooseModes, toldMode, type Lack, type ModeChoice, type ServiceMode } from './forwarding-mode.ts';
import { KindChoice } from './kind-choice.ts';
import type { PacketPlane, PacketPlaneKind } from './packet-planes.ts';
import type { PlaneMemory } from './plane.ts';

/** Time that balancers have to come up and to prepare their hosts before a choice of `auto` is made for good. */
const settleMs = 10_000;

export interface ModeKeeperOptions {
  readonly director: Director;
  readonly kinds: readonly PacketPlaneKind[];
  /** The plane of a kind, started when it is not yet. Throws what kept it from starting. */
  readonly plane: (kind: PacketPlaneKind) => PacketPlane;
  /** The plane of a mode, if it runs. */
  readonly running: (mode: ServiceMode) => PacketPlane | undefined;
  readonly memories: () => readonly PlaneMemory[];
  readonly health: (id: string) => TargetHealth | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

export class ModeKeeper {
  readonly #options: ModeKeeperOptions;
  #topology: Topology;
  #choices: ReadonlyMap<string, ModeChoice> = new Map();
  /** Names and modes in force before the topology changed, by where a service listens: its name may be another one now. */
  #before: ReadonlyMap<string, { readonly name: string; readonly mode: ServiceMode }> = new Map();
  readonly #kinds: KindChoice;
  #sinceMs: number;

  constructor(options: ModeKeeperOptions, topology: Topology) {
    this.#options = options;
    this.#topology = topology;
    this.#kinds = new KindChoice(options.kinds, (kind) => kind.lack(this.#topology, options.director));
    this.#sinceMs = options.clock.now();
  }

  /** Which kind carries which mode. */
  get kinds(): KindChoice {
    return this.#kinds;
  }

  get choices(): ReadonlyMap<string, ModeChoice> {
    return this.#choices;
  }

  /** Modes in force by service. */
  get modes(): ReadonlyMap<string, ServiceMode> {
    return new Map([...this.#choices].map(([name, { mode }]) => [name, mode]));
  }

  /** What balancers are told that services are forwarded by, by VIP. */
  get told(): ReadonlyMap<string, ServiceMode> {
    return new Map(
      this.#topology.services.flatMap(({ name, listen }) => {
        const at = formatEndpoint(listen);
        const choice = this.#choices.get(name);
        // While a changed topology is taken over, what was in force before it still is.
        const mode = choice === undefined ? this.#before.get(at)?.mode : toldMode(choice);
        return mode === undefined ? [] : [[at, mode] as const];
      }),
    );
  }

  /** What `auto` has settled is chosen anew, and what did not work is tried again. */
  setTopology(topology: Topology): void {
    this.#before = new Map(
      this.#topology.services.flatMap(({ name, listen }) => {
        const mode = this.#choices.get(name)?.mode;
        return mode === undefined ? [] : [[formatEndpoint(listen), { name, mode }]];
      }),
    );
    this.#topology = topology;
    this.#choices = new Map();
    this.#kinds.forget();
    this.#sinceMs = this.#options.clock.now();
  }

  /** Nothing of what was chosen has been in force yet: what an earlier process left counts. */
  begin(): void {
    this.#choices = new Map();
  }

  /** Looks again: balancers may have come. */
  update(): void {
    const { clock, health, log } = this.#options;
    const { intervalMs, misses } = this.#topology.heartbeat;
    const before = this.#choices;
    this.#choices = chooseModes(
      {
        topology: this.#topology,
        lacks: (mode) => this.#kinds.lackOf(mode),
        stead: (mode) => this.#kinds.steadOf(mode),
        held: (service, from, to) => this.#holds(service, from, to),
        health,
        apart: (balancer) => this.#apart(balancer),
        running: this.#runningModes(),
        patient: clock.now() - this.#sinceMs >= Math.max(settleMs, intervalMs * misses),
      },
      before,
    );
    for (const [name, { lack, why }] of this.#choices) {
      if (lack !== undefined && before.get(name)?.lack === undefined)
        log.error(`service ${name}: ${why}; what runs goes on. To have it, ${lack.cure}`);
    }
  }

  /**
   * What a topology would be forwarded by if it came now, as far as that can be told without balancers being asked, and
   * what works here for it. Changes nothing.
   */
  preview(
    topology: Topology,
    director: Director,
  ): { readonly choices: ReadonlyMap<string, ModeChoice>; readonly kinds: KindChoice } {
    const kinds = new KindChoice(this.#options.kinds, (kind) => kind.lack(topology, director));
    const choices = chooseModes({
      topology,
      lacks: (mode) => kinds.lackOf(mode),
      health: this.#options.health,
      apart: () => undefined,
      running: this.#runningModes(),
      patient: false,
    });
    return { choices, kinds };
  }

  /** What the plane says of the way to a balancer. */
  obstacle({ name, host }: Balancer, mode: ServiceMode): Standing | undefined {
    return this.#options.running(mode)?.obstacle(balancerId({ name, host }), mode);
  }

  /** Starts a plane. Throws HEADGATE_DIRECTOR_MODE with what is missing and the cure. */
  open(kind: PacketPlaneKind, start: () => PacketPlane): PacketPlane {
    const { director } = this.#options;
    const lack = kind.lack(this.#topology, director);
    if (lack === undefined) {
      const plane = start();
      this.#kinds.opened(kind);
      return plane;
    }
    throw new HeadgateError(
      'HEADGATE_DIRECTOR_MODE',
      `forwarding by ${kind.modes.join(', ')} does not work here: ${lack.reason}`,
      { cure: lack.cure },
    );
  }

  /** What a change of planes would end is waited for. */
  #holds(service: string, from: ServiceMode, to: ServiceMode): Lack | undefined {
    const kind = this.#kinds.kindOf(from);
    const next = this.#kinds.kindOf(to);
    if (from === 'proxy' || kind === undefined || kind === next || (to === 'proxy' && !kind.takesVip))
      return undefined;
    if (!this.#carries(service, from)) return undefined;
    return {
      reason: `connections forwarded by ${from} would end`,
      cure: `wait until they have ended, or ${kind.endsBy}, which ends them`,
    };
  }

  /** Counts may be of a moment ago: who is not counted yet is looked for. */
  #carries(service: string, mode: ServiceMode): boolean {
    const plane = this.#options.running(mode);
    if (plane === undefined) return false;
    const known = plane.stats().services;
    if (this.#namesOf(service).some((name) => (known[name]?.connections ?? 0) > 0)) return true;
    const listen = this.#topology.services.find(({ name }) => name === service)?.listen;
    return listen !== undefined && plane.carries?.(listen) === true;
  }

  /** A plane may know a service by its earlier name still. */
  #namesOf(service: string): readonly string[] {
    const listen = this.#topology.services.find(({ name }) => name === service)?.listen;
    const before = listen === undefined ? undefined : this.#before.get(formatEndpoint(listen));
    return before === undefined ? [service] : [service, before.name];
  }

  #runningModes(): ReadonlyMap<string, ServiceMode> {
    const running = new Map<string, ServiceMode>();
    for (const { name, listen } of this.#topology.services) {
      const at = formatEndpoint(listen);
      const memory = this.#options.memories().flatMap(({ modes }) => modes.get(at) ?? []);
      const mode = this.#choices.get(name)?.mode ?? this.#before.get(at)?.mode ?? memory[0];
      if (mode !== undefined) running.set(name, mode);
    }
    return running;
  }

  /** Starts the plane that would forward by dr, for nobody else knows the way. */
  #apart({ name, host }: Balancer): string | undefined {
    const kind = this.#kinds.kindOf('dr');
    if (kind === undefined) return undefined;
    try {
      const plane = this.#options.plane(kind);
      const obstacle = plane.obstacle(balancerId({ name, host }), 'dr');
      return obstacle === 'behind-router' ? `${name} ${standingTexts[obstacle]}` : undefined;
    } catch (error) {
      if (!isHeadgateError(error)) throw error;
      return describeError(error);
    }
  }
}
