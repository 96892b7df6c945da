/**
 * The forwarding plane in the kernel. This process writes maps; packets never see it, and go on without it.
 *
 * ```
 *  forwarding table ─► names ─► balancers (new, up) ─► tables ─► balancers (draining, dead)
 *  ways (MAC addresses) ──────► balancers
 *  balancers' reports ────────► flows            flow keeper ─► flows, free indices
 * ```
 */
import type { Logger } from 'pino';
import { formatEndpoint, type Endpoint } from '../../lib/address/index.ts';
import { every, type Clock, type Timer } from '../../lib/clock/index.ts';
import { HeadgateError } from '../../lib/errors/index.ts';
import type { FlowReport } from '../../lib/flow-report/index.ts';
import { FlowHasher, hashKeyFromHex, type MaglevTable } from '../../lib/maglev/index.ts';
import { ipBytes, macBytes } from '../../lib/packet/index.ts';
import type { Topology } from '../../topology/index.ts';
import {
  BalancerState,
  flowKey,
  Mode,
  noBalancer,
  proxyOwner,
  serviceLayout,
  type ForwardBalancer,
  type ForwardService,
} from '../forward/index.ts';
import { balancerId, heartbeatTarget } from '../balancer-identity.ts';
import type { Standing } from '../eligibility.ts';
import type { ServiceMode } from '../forwarding-mode.ts';
import type { ForwardingTable, ServiceForwarding } from '../forwarding-table.ts';
import type { PacketPlane } from '../packet-planes.ts';
import type { Flow, FoundFlow, PlaneDetail, PlaneMemory, PlaneStats } from '../plane.ts';
import { Bereaved } from '../bereaved.ts';
import type { PacketSender } from '../packet-sender.ts';
import { flowsInMaps, type MapFlow } from './bereaved.ts';
import { confirmFlows } from './confirm.ts';
import type { DataPath } from './data-path.ts';
import { encodeBalancer, encodeConfig } from './encode.ts';
import { writeEndpoints } from './endpoints.ts';
import { FlowKeeper } from './flow-keeper.ts';
import { findFlow, listFlows } from './flow-lookup.ts';
import { Indices } from './indices.ts';
import { balancerEntry, balancerState, hostOfId, obstacleOf, sameBalancer, slotsOf } from './kernel-state.ts';
import { readMemory } from './memory.ts';
import { kernelModes, modeName, modeNumber } from './modes.ts';
import type { Named } from './names.ts';
import { keptEndpoints, mergeEndpoints, natEndpoints } from './nat-endpoints.ts';
import { CounterView } from './plane-counters.ts';

import { readService, writeServices } from './services.ts';
import { parseServiceName, serviceNameText } from './service-names.ts';
import { ReportTaker } from './take-reports.ts';
import type { Way, Ways, Wire } from './ways.ts';

/** How often packets get another date. */
const tickEveryMs = 100;
/** How long a service that leaves `proxy` marks the packets of its sockets before new connections go another way. */
const markMs = 250;

export interface XdpPlaneOptions {
  /** Owned by the plane from now on. */
  readonly path: DataPath;
  readonly wire: Wire;
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
  /** Clients connected through the proxy to a service now; undefined when the proxy does not listen for it. */
  readonly proxied: (service: string) => readonly Endpoint[] | undefined;
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
  readonly #services: Indices;
  readonly #balancers: Indices;
  readonly #entries: Map<number, ForwardBalancer>;
  readonly #reports: ReportTaker;
  readonly #keeper: FlowKeeper;
  readonly #bereaved: Bereaved<MapFlow>;
  readonly #counters: CounterView;
  readonly #ticking: Timer;
  readonly #slots = new WeakMap<MaglevTable, { readonly indices: string; readonly slots: Uint16Array }>();
  #topology: Topology;
  #table: ForwardingTable | undefined;
  #running: readonly ForwardService[] = [];
  #configured = '';
  #applying: Promise<void> = Promise.resolve();
  #proxiedKeys: ReadonlyMap<number, ReadonlySet<string>> = new Map();
  #closed = false;

  constructor(options: XdpPlaneOptions) {
    const { path, clock, tick } = options;
    this.#options = options;
    this.#path = path;
    this.#topology = options.topology;
    const { services, balancers, entries, plane } = readMemory(path);
    this.memory = plane;
    const { capacity, maps } = path;
    const vipText = (name: string): string => name.split(' ')[1] ?? name;
    this.#services = new Indices(maps.service_names, capacity.services, services, vipText);
    this.#balancers = new Indices(maps.balancer_names, capacity.balancers, balancers);
    this.#entries = new Map(entries);
    this.#reports = new ReportTaker(path);
    this.#counters = new CounterView(path, clock);
    this.#bereaved = new Bereaved({
      flows: flowsInMaps(path, (index) => parseServiceName(this.#services.nameOf(index) ?? '')?.listen),
      sender: options.sender,
      clock,
      random: options.random,
      ratePerSecond: options.topology.flows.resetsPerSecond,
    });
    path.setTick(tick());
    this.#ticking = every(clock, tickEveryMs, () => path.setTick(tick()), true);
    this.#keeper = new FlowKeeper({
      path,
      settings: () => this.#topology.flows,
      clock,
      log: options.log,
      tick,
      pause: options.pause,
      rule: () => this.#censusRule(),
      onCensus: () => this.#freeIndices(),
    });
  }

  setTopology(topology: Topology): void {
    this.#topology = topology;
  }

  /** Balancers whose ways are wanted from now on, before a table with them comes. */
  expect(hosts: Iterable<string>): void {
    this.#options.ways.set(new Set([...hosts, ...this.#balancers.inUse().map(([, id]) => hostOfId(id))]));
  }

  /** What keeps packets from a balancer, whatever its health. */
  obstacle(id: string, mode: ServiceMode): Standing | undefined {
    const index = this.#balancers.indexOf(id);
    const mac = index === undefined ? undefined : this.#entries.get(index)?.mac;
    return obstacleOf(this.#way(id), this.#options.wire.ifindex, mode, mac);
  }

  /** Whether the kernel has a service of this VIP, in whatever mode. */
  knows(listen: Endpoint): boolean {
    return this.#services.indexOf(serviceNameText({ name: '', listen })) !== undefined;
  }

  /** Indices of dead balancers: whose flows' clients are to be told. */
  bereaved(): readonly { readonly index: number; readonly generation: number; readonly id: string }[] {
    return this.#balancers.inUse().flatMap(([index, id]) => {
      const entry = this.#entries.get(index);
      return entry?.state === BalancerState.Dead ? [{ index, generation: entry.generation, id }] : [];
    });
  }

  /** One table after the other; a service that leaves `proxy` takes a moment. */
  async apply(table: ForwardingTable): Promise<void> {
    this.#table = table;
    const applied = this.#applying.then(() => (this.#closed ? undefined : this.#apply(this.#table ?? table)));
    this.#applying = applied.catch(() => undefined);
    await applied;
  }

  async #apply(table: ForwardingTable): Promise<void> {
    const wanted = table.services.filter(
      ({ mode, listen }) => kernelModes.includes(mode) || (mode === 'proxy' && this.knows(listen)),
    );
    const overflow = this.#assign(wanted);
    this.#configure(table);
    this.#writeBalancers(table, 'before tables');
    this.#writeEndpoints(wanted);
    const failures = [...overflow];
    const leaving = wanted.filter((service) => this.#leavesProxy(service));
    if (leaving.length > 0) await this.#markProxied(wanted, leaving);
    if (this.#closed) return;
    this.#writeServices(wanted, () => false);
    this.#writeBalancers(table, 'after tables');
    this.#bereaved.setDead(this.bereaved());
    if (failures.length === 0) return;
    throw new HeadgateError(
      'HEADGATE_XDP_CAPACITY',
      `no index is free for ${failures.join(', ')}: the maps hold ${this.#path.capacity.services} services and ${this.#path.capacity.balancers} balancers`,
    );
  }

  /** Indices for what the kernel is to know; answers what has none. */
  #assign(wanted: readonly ServiceForwarding[]): readonly string[] {
    const ids = new Set(wanted.flatMap(({ balancers }) => balancers.map(({ id }) => id)));
    const overflow = this.#balancers.assign(
      Array.from(ids, (id) => ({ name: id, ...probeOf(id, this.#topology) })),
    );
    const services = this.#services.assign(wanted.map((service) => ({ name: serviceNameText(service) })));
    return [...services, ...overflow];
  }

  #configure(table: ForwardingTable): void {
    const { wire, host, ways, tick } = this.#options;
    const sources = [host, ...this.#balancers.inUse().map(([, id]) => ways.get(hostOfId(id))?.source)];
    const source = (bytes: number): Uint8Array =>
      sources
        .flatMap((text) => (text === undefined ? [] : [ipBytes(text)]))
        .find(({ length }) => length === bytes) ?? new Uint8Array(bytes);
    const config = {
      hasher: new FlowHasher(hashKeyFromHex(table.hashKey)),
      ownMac: macBytes(wire.mac),
      mtu: wire.mtu,
      tunnelSource4: source(4),
      tunnelSource6: source(16),
    };
    const same = JSON.stringify([table.hashKey, wire, [...config.tunnelSource4], [...config.tunnelSource6]]);
    if (same === this.#configured) return;
    this.#path.maps.config.update(0, encodeConfig(config, tick()));
    this.#configured = same;
  }

  /** First those that may get new flows, so that no table names what is not there; the others when no table does. */
  #writeBalancers(table: ForwardingTable, when: 'before tables' | 'after tables'): void {
    for (const [index, id] of this.#balancers.inUse()) {
      const before = this.#entries.get(index);
      const state = balancerState(table, id, before?.state);
      if ((state === BalancerState.Up) !== (when === 'before tables')) continue;
      this.#writeBalancer(index, id, state);
    }
  }

  #writeBalancer(index: number, id: string, state: BalancerState): void {
    const before = this.#entries.get(index);
    const generation = this.#balancers.generationOf(index);
    const entry = balancerEntry(id, generation, state, this.#way(id), this.#options.wire.ifindex, before);
    if (sameBalancer(before, entry)) return;
    this.#path.maps.balancers.update(index, encodeBalancer(entry));
    this.#entries.set(index, entry);
  }

  /** Ways have changed: MAC addresses follow at once, and what is in the way is for the caller to ask. */
  waysChanged(): void {
    if (this.#closed) return;
    for (const [index, id] of this.#balancers.inUse()) {
      const state = this.#entries.get(index)?.state;
      if (state !== undefined) this.#writeBalancer(index, id, state);
    }
  }

  /** Endpoints of mode nat, before a table can name them; those of flows stay. */
  #writeEndpoints(wanted: readonly ServiceForwarding[]): void {
    const { maps } = this.#path;
    const fresh = natEndpoints(
      wanted,
      (service) => this.#services.indexOf(serviceNameText(service)),
      this.#balancers,
    );
    writeEndpoints(this.#path, mergeEndpoints(fresh, keptEndpoints(maps, this.#services, this.#balancers)));
  }

  /** Services that are wanted, and those that left and still have flows: with nobody to take new ones. */
  #writeServices(
    wanted: readonly ServiceForwarding[],
    isMarking: (service: ServiceForwarding) => boolean,
  ): void {
    const services: ForwardService[] = [];
    for (const [index, text] of this.#services.inUse()) {
      const named = parseServiceName(text);
      if (named === undefined) continue;
      const { listen } = named;
      const service = wanted.find((one) => formatEndpoint(one.listen) === formatEndpoint(listen));
      const mode =
        service === undefined
          ? this.#runningMode(listen)
          : isMarking(service)
            ? Mode.Proxy
            : (modeNumber(service.mode) ?? Mode.Proxy);
      const slots = service === undefined || mode === Mode.Proxy ? this.#noSlots() : this.#slotsOf(service);
      const fresh = { index, address: ipBytes(listen.host), port: listen.port, mode, slots };
      services.push(this.#running.find((old) => sameService(old, fresh)) ?? fresh);
    }
    writeServices(this.#path, services, this.#running);
    this.#running = services;
  }

  /** Mode in the kernel. */
  #runningMode(listen: Endpoint): Mode {
    const value = readService(this.#path, listen);
    const mode = value === undefined ? Mode.Dr : serviceLayout.get(value, 'mode');
    return modeName(mode) === undefined ? Mode.Dr : (mode as Mode);
  }

  /** Whether packets of sockets of the proxy are still to reach it when this table is in force. */
  #leavesProxy({ name, mode, listen }: ServiceForwarding): boolean {
    if (mode === 'proxy' || this.#options.proxied(name) === undefined) return false;
    const value = readService(this.#path, listen);
    return value === undefined || serviceLayout.get(value, 'mode') === Mode.Proxy;
  }

  /**
   * From now on packets of these services pass to the sockets and leave an entry of mode proxy; then the sockets there are
   * get entries that stay. What is opening meanwhile has left one.
   */
  async #markProxied(
    wanted: readonly ServiceForwarding[],
    leaving: readonly ServiceForwarding[],
  ): Promise<void> {
    this.#writeServices(wanted, (service) => leaving.includes(service));
    await new Promise<void>((resolve) => this.#options.clock.after(markMs, resolve));
    if (this.#closed) return;
    for (const { name, listen } of leaving) {
      const index = this.#services.indexOf(serviceNameText({ name, listen }));
      if (index === undefined) continue;
      const clients = this.#options.proxied(name) ?? [];
      const keys = clients.map(({ host, port }) => flowKey(ipBytes(host), port, index));
      confirmFlows(this.#path, proxyOwner, keys, this.#options.tick());
    }
  }

  #noSlots(): Uint16Array {
    this.#none ??= new Uint16Array(this.#path.capacity.tableSize).fill(noBalancer);
    return this.#none;
  }
  #none: Uint16Array | undefined;

  #slotsOf({ maglev, owners }: ServiceForwarding): Uint16Array {
    const numbers = owners.map(({ id }) => this.#balancers.indexOf(id) ?? noBalancer);
    const indices = numbers.join(' ');
    const known = this.#slots.get(maglev);
    if (known?.indices === indices) return known.slots;
    const slots = slotsOf(maglev, numbers);
    this.#slots.set(maglev, { indices, slots });
    return slots;
  }

  #way(id: string): Way | undefined {
    return this.#options.ways.get(hostOfId(id));
  }

  #censusRule() {
    const proxied = new Map<number, ReadonlySet<string>>();
    for (const [index, text] of this.#services.inUse()) {
      const name = parseServiceName(text)?.name ?? '';
      const keys = (this.#options.proxied(name) ?? []).map(({ host, port }) =>
        Buffer.from(flowKey(ipBytes(host), port, index)).toString('latin1'),
      );
      proxied.set(index, new Set(keys));
    }
    this.#proxiedKeys = proxied;
    const speaks = new Map(
      this.#balancers
        .inUse()
        .map(([index]) => [index, this.#balancers.probeOf(index)?.probe === 'headgate'] as const),
    );
    const wanted = this.#wantedIndices();
    return {
      // Of what is nobody's any more, nobody speaks either: entries of freed indices are evictable.
      speaksForItself: (balancer: number) => speaks.get(balancer) ?? true,
      isLeaving: (balancer: number) => !wanted.balancers.has(balancer),
      isLeavingService: (service: number) => !wanted.services.has(service),
      isProxied: (service: number, key: Uint8Array) =>
        this.#proxiedKeys.get(service)?.has(Buffer.from(key).toString('latin1')) ?? false,
      isInProxy: (service: number) =>
        this.#running.find(({ index }) => index === service)?.mode === Mode.Proxy,
    };
  }

  /** Indices that the running table names. Before the first table nothing leaves. */
  #wantedIndices(): { readonly balancers: ReadonlySet<number>; readonly services: ReadonlySet<number> } {
    const table = this.#table;
    if (table === undefined) {
      return {
        balancers: new Set(this.#balancers.inUse().map(([index]) => index)),
        services: new Set(this.#services.inUse().map(([index]) => index)),
      };
    }
    const ids = [
      ...table.removed,
      ...table.services.flatMap(({ balancers }) => balancers.map(({ id }) => id)),
    ];
    const known = (index: number | undefined): readonly number[] => (index === undefined ? [] : [index]);
    return {
      balancers: new Set(ids.flatMap((id) => known(this.#balancers.indexOf(id)))),
      services: new Set(
        table.services.flatMap((service) => known(this.#services.indexOf(serviceNameText(service)))),
      ),
    };
  }

  /** Gives up indices of what has left and to which no flow refers any more. */
  #freeIndices(): void {
    let freed = false;
    const { byBalancer, byService, leftover } = this.#keeper.census;
    // Entries that refer to something leaving were there a moment ago; the next walk shows whether they are gone.
    if (leftover.length > 0) return;
    const wanted = this.#wantedIndices();
    for (const [index] of this.#balancers.inUse()) {
      if (wanted.balancers.has(index) || (byBalancer.get(index) ?? 0) > 0) continue;
      this.#path.maps.balancers.update(index, encodeBalancer(undefined));
      this.#entries.delete(index);
      this.#reports.forget(index);
      this.#balancers.free(index);
      freed = true;
    }
    for (const [index] of this.#services.inUse()) {
      if (wanted.services.has(index) || (byService.get(index) ?? 0) > 0) continue;
      const left = this.#running.filter(({ index: other }) => other !== index);
      writeServices(this.#path, left, this.#running);
      this.#running = left;
      this.#services.free(index);
      freed = true;
    }
    if (!freed) return;
    writeEndpoints(this.#path, keptEndpoints(this.#path.maps, this.#services, this.#balancers));
  }

  stats(): PlaneStats {
    const { census } = this.#keeper;
    const counted = this.#counters.read();
    const services: Record<string, PlaneStats['total']> = {};
    const total = { accepted: 0, refusedNoBalancer: 0, refusedUnreachable: 0, connections: 0 };
    for (const [index, text] of this.#services.inUse()) {
      const accepted = counted.accepted(index);
      const connections = census.byService.get(index) ?? 0;
      const name = parseServiceName(text)?.name ?? text;
      services[name] = { accepted, refusedNoBalancer: 0, refusedUnreachable: 0, connections };
      total.connections += connections;
    }
    total.accepted = counted.acceptedTotal;
    total.refusedNoBalancer = counted.plane['resetNoBalancer'] ?? 0;
    return {
      total,
      services,
      balancers: Object.fromEntries(
        this.#balancers.inUse().map(([index, id]) => [id, census.byBalancer.get(index) ?? 0]),
      ),
      limit: this.#path.capacity.flows,
      refusedFull: counted.plane['resetFull'] ?? 0,
      counters: {
        ...counted.plane,
        ...this.#reports.counters,
        ...this.#keeper.counters,
        ...this.#bereaved.stats(),
      },
    };
  }

  flows(most: number): readonly Flow[] {
    return listFlows(
      this.#path,
      {
        service: (index) => parseServiceName(this.#services.nameOf(index) ?? '')?.name,
        balancer: (index, generation) =>
          this.#balancers.generationOf(index) === generation ? this.#balancers.nameOf(index) : undefined,
      },
      most,
    );
  }

  find(service: string, client: Endpoint): FoundFlow | undefined {
    for (const [index, text] of this.#services.inUse()) {
      if (parseServiceName(text)?.name !== service) continue;
      const found = findFlow(this.#path, client, index);
      if (found === undefined) continue;
      const { balancer, generation, mode, ...rest } = found;
      const id =
        this.#balancers.generationOf(balancer) === generation ? this.#balancers.nameOf(balancer) : undefined;
      const name = modeName(mode);
      // A proxied flow is the proxy's to tell.
      if (id !== undefined && name !== undefined && name !== 'proxy')
        return { balancer: id, mode: name, ...rest };
    }
    return undefined;
  }

  detail(): readonly PlaneDetail[] {
    const { confirmed, unconfirmed } = this.#keeper.census;
    const plane = `${hookText(this.#path.mode)} on ${this.#options.wire.name}`;
    return [{ plane, flows: { confirmed, unconfirmed, capacity: this.#path.capacity.flows } }];
  }

  report(id: string, report: FlowReport): void {
    const balancer = this.#balancers.indexOf(id);
    const service = this.#serviceIndex(report.service);
    if (balancer === undefined || service === undefined) return;
    const running = this.#running.find(({ index }) => index === service)?.mode;
    const mode = running === undefined || running === Mode.Proxy ? Mode.Dr : running;
    const generation = this.#balancers.generationOf(balancer);
    this.#reports.take({ balancer, generation, service, mode }, report, this.#options.tick());
  }

  /** The service of this name that runs, else one of it that is leaving. */
  #serviceIndex(name: string): number | undefined {
    const service = this.#table?.services.find((one) => one.name === name);
    const running = service === undefined ? undefined : this.#services.indexOf(serviceNameText(service));
    if (running !== undefined) return running;
    return this.#services.inUse().find(([, text]) => parseServiceName(text)?.name === name)?.[0];
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
    this.#keeper.close();
    this.#bereaved.close();
    this.#options.sender.close();
    this.#options.ways.close();
  }
}

/** Where the program runs, for people. */
export function hookText(mode: DataPath['mode']): string {
  return mode === 'tcx' ? 'xdp plane (tcx)' : `xdp ${mode}`;
}

/** How a balancer is asked whether it lives; kept in the maps for when it has left the topology. */
function probeOf(id: string, topology: Topology): Pick<Named, 'probe' | 'probePort'> {
  const balancer = topology.balancers.find((one) => balancerId(one) === id);
  const probe = balancer === undefined ? undefined : heartbeatTarget(balancer, topology).probe;
  if (probe === undefined || probe.kind === 'off') return { probe: 'off', probePort: 0 };
  return { probe: probe.kind, probePort: probe.endpoint.port };
}

function sameService(old: ForwardService, fresh: ForwardService): boolean {
  return (
    old.index === fresh.index &&
    old.mode === fresh.mode &&
    old.slots === fresh.slots &&
    old.port === fresh.port &&
    Buffer.compare(old.address, fresh.address) === 0
  );
}
