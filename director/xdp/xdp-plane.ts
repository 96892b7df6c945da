/**
 * The forwarding plane in the kernel. This process writes maps; packets never see it, and go on without it.
 *
 * ```
 *  forwarding table ─► names ─► balancers (new, up) ─► tables ─► balancers (draining, dead)
 *  ways (MAC addresses) ──────► balancers
 *  balancers' reports ────────► flows            flow keeper ─► flows, free indices
 * ```
 */
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Endpoint } from '../../lib/address/index.ts';
import { every, type Clock, type Timer } from '../../lib/clock/index.ts';
import { describeError, HeadgateError } from '../../lib/errors/index.ts';
import type { FlowReport } from '../../lib/flow-report/index.ts';
import { ipBytes } from '../../lib/packet/index.ts';
import type { Topology } from '../../topology/index.ts';
import { configLayout, flowKey, Mode, proxyOwner } from '../forward/index.ts';
import { Bereaved } from '../bereaved.ts';
import type { Standing } from '../eligibility.ts';
import type { ServiceMode } from '../forwarding-mode.ts';
import type { ForwardingTable, ServiceForwarding } from '../forwarding-table.ts';
import type { PacketPlane } from '../packet-planes.ts';
import type { PacketSender } from '../packet-sender.ts';
import type { Flow, FoundFlow, PlaneDetail, PlaneMemory, PlaneStats } from '../plane.ts';
import { flowsInMaps, type MapFlow } from './bereaved.ts';
import { carriesNow } from './carries.ts';
import type { Census } from './census.ts';
import { confirmFlows } from './confirm.ts';
import type { DataPath } from './data-path.ts';
import { encodeConfig } from './encode.ts';
import { writeEndpoints } from './endpoints.ts';
import { FlowKeeper } from './flow-keeper.ts';
import { KernelBalancers } from './kernel-balancers.ts';
import { KernelServices } from './kernel-services.ts';
import { censusRule, freeIndices, type KnownIndices } from './leaving.ts';
import { readMemory } from './memory.ts';
import { kernelModes } from './modes.ts';
import { keptEndpoints, mergeEndpoints, natEndpoints } from './nat-endpoints.ts';
import { planeConfig } from './plane-config.ts';
import { CounterView } from './plane-counters.ts';
import { findPlaneFlow, planeDetail, planeFlows, planeStats } from './plane-view.ts';
import { ReportTaker } from './take-reports.ts';
import type { Ways, Wire } from './ways.ts';

/** How often packets get another date. */
const tickEveryMs = 100;
/** How often the own interface is looked at. */
const wireEveryMs = 1_000;
/** How long a service that leaves `proxy` marks the packets of its sockets before new connections go another way. */
const markMs = 250;

export interface XdpPlaneOptions {
  /** Owned by the plane from now on. */
  readonly path: DataPath;
  readonly wire: Wire;
  /** The interface as it is now; throws while there is none. */
  readonly lookAtWire: () => Wire;
  /** Owned by the plane from now on. */
  readonly ways: Ways;
  /** Address of the director: source of tunnel packets of its family. */
  readonly host: string;
  readonly topology: Topology;
  readonly clock: Clock;
  readonly log: Logger;
  /** Now, in ticks. */
  readonly tick: () => number;
  /** Lets others run between the steps of long work. */
  readonly pause: () => Promise<void>;
  /** TCP ends of those connected through the proxy to an endpoint now; undefined when the proxy does not listen there. */
  readonly proxied: (listen: Endpoint) => readonly Endpoint[] | undefined;
  /** Sends what clients of dead balancers are told. Owned by the plane from now on. */
  readonly sender: PacketSender;
  /** From 0 (included) to 1. */
  readonly random: () => number;
}

export class XdpPlane implements PacketPlane {
  readonly name = 'xdp';
  /** What the earlier process left. */
  readonly memory: PlaneMemory;
  readonly #options: XdpPlaneOptions;
  readonly #path: DataPath;
  readonly #balancers: KernelBalancers;
  readonly #services: KernelServices;
  readonly #known: KnownIndices;
  readonly #reports: ReportTaker;
  readonly #keeper: FlowKeeper;
  readonly #bereaved: Bereaved<MapFlow>;
  readonly #counters: CounterView;
  readonly #ticking: Timer;
  readonly #looking: Timer;
  /** The last one known. */
  #wire: Wire;
  /** What kept the plane from the interface, as it was told. */
  #wireTrouble = '';
  #topology: Topology;
  #table: ForwardingTable | undefined;
  #hashKey: string | undefined;
  #configured = '';
  /** When the last table was in force. */
  #appliedMs = Infinity;
  #applying: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: XdpPlaneOptions) {
    const { path, clock, tick, ways, wire } = options;
    this.#options = options;
    this.#path = path;
    this.#wire = wire;
    this.#topology = options.topology;
    const memory = readMemory(path);
    this.memory = memory.plane;
    this.#balancers = new KernelBalancers({ path, ways, ifindex: () => this.#wire.ifindex, memory });
    this.#services = new KernelServices({ path, memory, balancers: this.#balancers.indices });
    this.#known = { balancers: this.#balancers, services: this.#services };
    this.#reports = new ReportTaker(path);
    this.#counters = new CounterView(path, clock);
    this.#bereaved = new Bereaved({
      flows: flowsInMaps(path, (index) => this.#services.serviceOf(index)?.listen),
      sender: options.sender,
      clock,
      random: options.random,
      ratePerSecond: () => this.#topology.flows.resetsPerSecond,
    });
    path.setTick(tick());
    this.#ticking = every(clock, tickEveryMs, () => path.setTick(tick()), true);
    this.#looking = every(clock, wireEveryMs, () => this.#lookAtWire(), true);
    this.#keeper = new FlowKeeper({
      path,
      settings: () => this.#topology.flows,
      clock,
      log: options.log,
      tick,
      pause: options.pause,
      rule: () => censusRule(this.#known, this.#table, options.proxied),
      onCensus: (census, beganMs) => this.#freeIndices(census, beganMs),
    });
  }

  setTopology(topology: Topology): void {
    this.#topology = topology;
  }

  /** Balancers whose ways are wanted from now on, before a table with them comes. */
  expect(hosts: Iterable<string>): void {
    this.#balancers.expect(hosts);
  }

  obstacle(id: string, mode: ServiceMode): Standing | undefined {
    return this.#balancers.obstacle(id, mode);
  }

  carries(listen: Endpoint): boolean {
    const index = this.#services.indexOf({ name: '', listen });
    return index !== undefined && carriesNow(this.#path.maps, index, this.#options.tick());
  }

  /** One table after the other; a service that leaves `proxy` takes a moment. */
  async apply(table: ForwardingTable): Promise<void> {
    this.#table = table;
    const applied = this.#applying.then(() => (this.#closed ? undefined : this.#apply(this.#table ?? table)));
    this.#applying = applied.catch(() => undefined);
    await applied;
  }

  async #apply(table: ForwardingTable): Promise<void> {
    this.#appliedMs = Infinity;
    const wanted = table.services.filter(
      ({ mode, listen }) => kernelModes.includes(mode) || (mode === 'proxy' && this.#services.knows(listen)),
    );
    const overflow = [...this.#services.assign(wanted), ...this.#balancers.assign(wanted, this.#topology)];
    this.#hashKey = table.hashKey;
    this.#configure();
    this.#balancers.write(table, 'before tables');
    this.#writeEndpoints(wanted);
    const leaving = wanted.filter((service) => this.#leavesProxy(service));
    if (leaving.length > 0) await this.#markProxied(wanted, leaving);
    if (this.#closed) return;
    this.#services.write(wanted, () => false);
    this.#balancers.write(table, 'after tables');
    this.#appliedMs = this.#options.clock.now();
    this.#bereaved.setDead(this.#balancers.dead());
    if (overflow.length === 0) return;
    throw new HeadgateError(
      'HEADGATE_XDP_CAPACITY',
      `no index is free for ${overflow.join(', ')}: the maps hold ${this.#path.capacity.services} services and ${this.#path.capacity.balancers} balancers`,
    );
  }

  #configure(): void {
    const { host, tick } = this.#options;
    const [hashKey, wire] = [this.#hashKey, this.#wire];
    if (hashKey === undefined) return;
    const config = planeConfig(hashKey, wire, [host, ...this.#balancers.sources()]);
    const same = JSON.stringify([hashKey, wire, [...config.tunnelSource4], [...config.tunnelSource6]]);
    if (same === this.#configured) return;
    // Whether the table is full is the flow keeper's to say, at its next walk.
    const refuseNew = configLayout.get(this.#path.maps.config.lookup(0)!, 'refuseNew') !== 0;
    this.#path.maps.config.update(0, encodeConfig({ ...config, refuseNew }, tick()));
    this.#configured = same;
  }

  /**
   * Follows the interface: a program that knows another MAC address than it has passes every packet by, and one that is made
   * anew has no program.
   */
  #lookAtWire(): void {
    const { log, lookAtWire } = this.#options;
    try {
      const wire = lookAtWire();
      if (!isDeepStrictEqual(wire, this.#wire)) this.#changeWire(wire);
      this.#stayThere();
      this.#configure();
      this.#wireTrouble = '';
    } catch (error) {
      // The last known stays: an interface may be gone for a moment.
      const trouble = describeError(error);
      if (trouble !== this.#wireTrouble) log.warn(trouble);
      this.#wireTrouble = trouble;
    }
  }

  /** A program that somebody has taken off forwards nothing, and nobody else would say so. */
  #stayThere(): void {
    if (this.#path.isThere) return;
    const { ifindex, name } = this.#wire;
    this.#path.restore(ifindex);
    this.#options.log.warn(
      `somebody took the program off ${name}, or its pins away: they are back, with the flows that were there`,
    );
  }

  #changeWire(wire: Wire): void {
    const { ifindex, native } = this.#wire;
    if (wire.native !== native)
      throw new HeadgateError('HEADGATE_XDP_INTERFACE', `${wire.name} is an interface of another kind now`, {
        cure: 'restart the director: it needs another form of the program',
      });
    if (wire.ifindex !== ifindex) this.#path.moveTo(wire.ifindex);
    this.#wire = wire;
    this.#balancers.refresh();
    const { name, mac, mtu } = wire;
    this.#options.log.info(
      { interface: name, mac, mtu },
      `the interface ${name} has changed: packets follow it`,
    );
  }

  /** Ways have changed: MAC addresses follow at once, and what is in the way is for the caller to ask. */
  waysChanged(): void {
    if (!this.#closed) this.#balancers.refresh();
  }

  /** Endpoints of mode nat, before a table can name them; those of flows stay. */
  #writeEndpoints(wanted: readonly ServiceForwarding[]): void {
    const fresh = natEndpoints(wanted, (service) => this.#services.indexOf(service), this.#balancers.indices);
    writeEndpoints(this.#path, mergeEndpoints(fresh, this.#keptEndpoints()));
  }

  #keptEndpoints() {
    return keptEndpoints(this.#path.maps, this.#services.indices, this.#balancers.indices);
  }

  /** Whether packets of sockets of the proxy are still to reach it when this table is in force. */
  #leavesProxy({ mode, listen }: ServiceForwarding): boolean {
    return (
      mode !== 'proxy' && this.#options.proxied(listen) !== undefined && this.#services.isProxied(listen)
    );
  }

  /**
   * From now on packets of these services pass to the sockets and leave an entry of mode proxy; then the sockets there are
   * get entries that stay. What is opening meanwhile has left one.
   */
  async #markProxied(
    wanted: readonly ServiceForwarding[],
    leaving: readonly ServiceForwarding[],
  ): Promise<void> {
    this.#services.write(wanted, (service) => leaving.includes(service));
    await new Promise<void>((resolve) => this.#options.clock.after(markMs, resolve));
    if (this.#closed) return;
    for (const service of leaving) {
      const index = this.#services.indexOf(service);
      if (index === undefined) continue;
      const clients = this.#options.proxied(service.listen) ?? [];
      const keys = clients.map(({ host, port }) => flowKey(ipBytes(host), port, index));
      confirmFlows(this.#path, proxyOwner, keys, this.#options.tick());
    }
  }

  /** Gives up indices of what has left and to which no flow refers any more. */
  #freeIndices(census: Census, beganMs: number): void {
    // Until then flows could begin where the walk had been.
    if (beganMs <= this.#appliedMs) return;
    const { balancers, services } = freeIndices(this.#known, this.#table, census);
    for (const index of balancers) {
      this.#reports.forget(index);
      this.#balancers.free(index);
    }
    for (const index of services) this.#services.free(index);
    if (balancers.length > 0 || services.length > 0) writeEndpoints(this.#path, this.#keptEndpoints());
  }

  stats(): PlaneStats {
    return planeStats(this.#known, this.#path, this.#keeper, this.#counters.read(), {
      ...this.#reports.counters,
      ...this.#keeper.counters,
      ...this.#bereaved.stats(),
    });
  }

  flows(most: number): readonly Flow[] {
    return planeFlows(this.#known, this.#path, most);
  }

  find(service: string, client: Endpoint): FoundFlow | undefined {
    return findPlaneFlow(this.#known, this.#path, service, client);
  }

  detail(): readonly PlaneDetail[] {
    return planeDetail(this.#path, this.#wire.name, this.#keeper.census);
  }

  report(id: string, report: FlowReport): void {
    const balancer = this.#balancers.indices.indexOf(id);
    const service = this.#services.indexOfVip(report.service);
    if (balancer === undefined || service === undefined) return;
    const running = this.#services.modeOf(service);
    const mode = running === undefined || running === Mode.Proxy ? Mode.Dr : running;
    const generation = this.#balancers.indices.generationOf(balancer);
    const isEnding = this.#balancers.isDead(balancer);
    this.#reports.take({ balancer, generation, service, mode, isEnding }, report, this.#options.tick());
  }

  /** Packets need nobody: what is established and what begins goes on. */
  drain(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    this.#end();
    await this.#applying;
    this.#path.close();
  }

  /** Takes the program off its interface; flows are forgotten. */
  async detach(): Promise<void> {
    this.#end();
    await this.#applying;
    this.#path.detach();
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ticking.cancel();
    this.#looking.cancel();
    this.#keeper.close();
    this.#bereaved.close();
    this.#options.sender.close();
    this.#options.ways.close();
  }
}
