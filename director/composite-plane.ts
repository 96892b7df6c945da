/**
 * Several planes as one: each service runs in the plane of its mode. A service is known by where it listens: its name may
 * change. One that leaves `proxy` keeps its listener for a moment, for the connections that are just beginning, unless the
 * other plane wants the VIP to itself; one that comes to it has its listener before its packets.
 */
import { formatEndpoint, sameEndpoint, type Endpoint } from '../lib/address/index.ts';
import type { Clock, Timer } from '../lib/clock/index.ts';
import { describeError, HeadgateError } from '../lib/errors/index.ts';
import type { FlowReport } from '../lib/flow-report/index.ts';
import type { ForwardingTable, ServiceForwarding } from './forwarding-table.ts';
import type { PacketPlane, PacketPlaneKind } from './packet-planes.ts';
import type {
  Flow,
  ForwardingPlane,
  FoundFlow,
  PlaneDetail,
  PlaneServiceStats,
  PlaneStats,
} from './plane.ts';
import type { ServiceMode } from './forwarding-mode.ts';

/** How long a service that left `proxy` goes on accepting what had begun before. */
const lingerMs = 2_000;

export interface CompositePlaneOptions {
  readonly proxy: ForwardingPlane;
  /** The kind that carries a mode from now on. */
  readonly useKind: (mode: ServiceMode) => PacketPlaneKind | undefined;
  /** The kind that carries a mode, or would. */
  readonly kindOf: (mode: ServiceMode) => PacketPlaneKind | undefined;
  /** Starts a packet plane; throws what the operator must read. */
  readonly open: (kind: PacketPlaneKind) => PacketPlane;
  readonly clock: Clock;
  /** A packet plane was started: balancers are to report to it. */
  readonly onOpened: (plane: PacketPlane) => void;
}

export class CompositePlane implements ForwardingPlane {
  readonly name = 'composite';
  readonly #options: CompositePlaneOptions;
  readonly #open = new Map<PacketPlaneKind, PacketPlane>();
  /** Services that left `proxy` and still listen, by where. */
  readonly #lingering = new Map<string, ServiceForwarding>();
  #timer: Timer | undefined;
  #table: ForwardingTable | undefined;
  /** The last table that every plane has heard of. */
  #applied: ForwardingTable | undefined;
  /** Where services in mode `proxy` listen. */
  #inProxy: ReadonlySet<string> = new Set();
  #closed = false;

  constructor(options: CompositePlaneOptions) {
    this.#options = options;
  }

  /** The plane of this kind, started when it is not yet. Throws what kept it from starting. */
  plane(kind: PacketPlaneKind): PacketPlane {
    const open = this.#open.get(kind);
    if (open !== undefined) return open;
    const started = this.#options.open(kind);
    this.#open.set(kind, started);
    this.#options.onOpened(started);
    return started;
  }

  get packetPlanes(): readonly PacketPlane[] {
    return [...this.#open.values()];
  }

  /** The plane that carries a mode, if it runs. */
  planeOf(mode: ServiceMode): PacketPlane | undefined {
    const kind = this.#options.kindOf(mode);
    return kind === undefined ? undefined : this.#open.get(kind);
  }

  /** Only packet planes want reports. */
  get report(): ForwardingPlane['report'] {
    if (this.#open.size === 0) return undefined;
    return (balancer: string, report: FlowReport) => {
      for (const plane of this.#open.values()) plane.report?.(balancer, report);
    };
  }

  async apply(table: ForwardingTable): Promise<void> {
    if (this.#closed) return;
    this.#table = table;
    const failures: unknown[] = [];
    const attempt = async (run: () => Promise<void> | undefined): Promise<void> => {
      try {
        await run();
      } catch (error) {
        failures.push(error);
      }
    };
    for (const { name, mode } of table.services) {
      if (mode === 'proxy') continue;
      const kind = this.#options.useKind(mode);
      if (kind === undefined)
        failures.push(
          new HeadgateError('HEADGATE_DIRECTOR_MODE', `service ${name}: no plane forwards by ${mode}`),
        );
      else await attempt(async () => void this.plane(kind));
    }
    this.#tellOfComers(table);
    this.#linger(table);
    // A VIP that a plane had to itself is free before the proxy listens there.
    for (const [kind, plane] of this.#open)
      if (kind.takesVip && this.#leaves(kind, table))
        await attempt(() => plane.apply(this.#staying(kind, table)));
    // The listener first: a service that comes to `proxy` must not send its packets to nobody.
    await attempt(() => this.#options.proxy.apply(this.#proxyTable(table)));
    for (const [kind, plane] of this.#open) await attempt(() => plane.apply(this.#planeTable(kind, table)));
    this.#applied = table;
    if (failures.length === 0) return;
    if (failures.length === 1 && failures[0] instanceof HeadgateError) throw failures[0];
    const texts = failures.map(describeError).join('; ');
    throw new HeadgateError('HEADGATE_DIRECTOR_APPLY', `cannot apply: ${texts}`);
  }

  /**
   * Every plane hears of its services, and of those that run in no plane of packets: they may have been its own. What another
   * one takes with the VIP is the same to it as `proxy`: new packets are for this host.
   */
  #planeTable(kind: PacketPlaneKind, table: ForwardingTable): ForwardingTable {
    return {
      ...table,
      services: table.services.flatMap((service) => {
        const carrier = service.mode === 'proxy' ? undefined : this.#options.kindOf(service.mode);
        if (service.mode === 'proxy' || carrier === kind) return [service];
        return carrier?.takesVip === true ? [{ ...service, mode: 'proxy' as const }] : [];
      }),
    };
  }

  #isIn(kind: PacketPlaneKind, { listen }: ServiceForwarding, table: ForwardingTable | undefined): boolean {
    const service = table?.services.find((one) => sameEndpoint(one.listen, listen));
    return service !== undefined && service.mode !== 'proxy' && this.#options.kindOf(service.mode) === kind;
  }

  #leaves(kind: PacketPlaneKind, table: ForwardingTable): boolean {
    return (this.#applied?.services ?? []).some(
      (service) => this.#isIn(kind, service, this.#applied) && !this.#isIn(kind, service, table),
    );
  }

  /** The table of a plane without the services that only come to it. */
  #staying(kind: PacketPlaneKind, table: ForwardingTable): ForwardingTable {
    const own = this.#planeTable(kind, table);
    return { ...own, services: own.services.filter((service) => this.#isIn(kind, service, this.#applied)) };
  }

  #tellOfComers(table: ForwardingTable): void {
    for (const [kind, plane] of this.#open) {
      const comers = table.services.filter(
        (service) => this.#inProxy.has(formatEndpoint(service.listen)) && this.#isIn(kind, service, table),
      );
      if (comers.length > 0) plane.comingFromProxy?.(comers.map(({ listen }) => listen));
    }
  }

  #proxyTable(table: ForwardingTable): ForwardingTable {
    const own = table.services.filter(({ mode }) => mode === 'proxy');
    return { ...table, services: [...own, ...this.#lingering.values()] };
  }

  #linger(table: ForwardingTable): void {
    const left = new Set(this.#lingering.keys());
    for (const service of table.services) {
      const at = formatEndpoint(service.listen);
      if (service.mode === 'proxy' || this.#options.kindOf(service.mode)?.takesVip === true) continue;
      if (this.#inProxy.has(at)) {
        this.#timer?.cancel();
        this.#timer = this.#options.clock.after(lingerMs, () => this.#endLingering(), true);
      } else if (!left.has(at)) continue;
      this.#lingering.set(at, service);
      left.delete(at);
    }
    for (const at of left) this.#lingering.delete(at);
    const proxied = table.services.filter(({ mode }) => mode === 'proxy');
    this.#inProxy = new Set(proxied.map(({ listen }) => formatEndpoint(listen)));
  }

  #endLingering(): void {
    this.#lingering.clear();
    if (this.#closed || this.#table === undefined) return;
    // Closing listeners does not fail; what else does is told when the next table is applied.
    void this.#options.proxy.apply(this.#proxyTable(this.#table)).catch(() => undefined);
  }

  stats(): PlaneStats {
    const all = [this.#options.proxy, ...this.#open.values()].map((plane) => plane.stats());
    const services: Record<string, PlaneServiceStats> = {};
    const balancers: Record<string, number> = {};
    const counters: Record<string, number> = {};
    const total = { accepted: 0, refusedNoBalancer: 0, refusedUnreachable: 0, connections: 0 };
    const counted = all.flatMap(({ countedMs }) => countedMs ?? []);
    for (const stats of all) {
      addTo(total, stats.total);
      for (const [name, own] of Object.entries(stats.services)) {
        services[name] ??= { accepted: 0, refusedNoBalancer: 0, refusedUnreachable: 0, connections: 0 };
        addTo(services[name], own);
      }
      for (const [id, count] of Object.entries(stats.balancers)) balancers[id] = (balancers[id] ?? 0) + count;
      for (const [name, count] of Object.entries(stats.counters))
        counters[name] = (counters[name] ?? 0) + count;
    }
    return {
      total,
      services,
      balancers,
      counters,
      ...(counted.length === 0 ? {} : { countedMs: Math.min(...counted) }),
      limit: all.reduce((sum, { limit }) => sum + limit, 0),
      refusedFull: all.reduce((sum, { refusedFull }) => sum + refusedFull, 0),
    };
  }

  flows(most: number): readonly Flow[] {
    const flows: Flow[] = [];
    for (const plane of [this.#options.proxy, ...this.#open.values()]) {
      if (flows.length < most) flows.push(...plane.flows(most - flows.length));
    }
    return flows;
  }

  find(service: string, client: Endpoint): FoundFlow | undefined {
    for (const plane of [this.#options.proxy, ...this.#open.values()]) {
      const found = plane.find(service, client);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  detail(): readonly PlaneDetail[] {
    return [this.#options.proxy, ...this.#open.values()].flatMap((plane) => plane.detail());
  }

  async drain(): Promise<void> {
    await Promise.all([this.#options.proxy, ...this.#open.values()].map((plane) => plane.drain()));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await Promise.all([this.#options.proxy, ...this.#open.values()].map((plane) => plane.close()));
  }
}

function addTo(total: PlaneServiceStats, more: Readonly<PlaneServiceStats>): void {
  total.accepted += more.accepted;
  total.refusedNoBalancer += more.refusedNoBalancer;
  total.refusedUnreachable += more.refusedUnreachable;
  total.connections += more.connections;
}
