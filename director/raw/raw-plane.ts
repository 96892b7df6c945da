import { networkInterfaces } from 'node:os';
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { addressFamily, canonicalAddress, formatEndpoint, type Endpoint } from '../../lib/address/index.ts';
import { every, type Clock, type Timer } from '../../lib/clock/index.ts';
import { describeError, HeadgateError } from '../../lib/errors/index.ts';
import { formatIp, ipBytes } from '../../lib/packet/index.ts';
import { Bereaved } from '../bereaved.ts';
import { flowKey, flowKeyLayout, FlowState, keyText, Mode, tickOf } from '../forward/index.ts';
import type { ForwardingTable, ServiceForwarding } from '../forwarding-table.ts';
import { createPacketSender, type PacketSender } from '../packet-sender.ts';
import { defaultResetsPerSecond } from '../reset-pacing.ts';
import { ListedFlows, type FlowClient, type FlowReport } from '../../lib/flow-report/index.ts';
import type { PacketPlane } from '../packet-planes.ts';
import type { Flow, ForwardingPlane, PlaneMemory, PlaneServiceStats, PlaneStats } from '../plane.ts';
import type { Topology } from '../../topology/index.ts';
import { Bindings } from './bindings.ts';
import { defaultSourcePorts, rawCapacity, type PortRange } from './capacity.ts';
import { rawCounterNames } from './counters.ts';
import { Flows, serviceOf, type FlowCapacity } from './flows.ts';
import { flowsInMemory } from './flow-source.ts';
import { Forwarder } from './forwarder.ts';
import { demotable, outlived, promotable, reclaimable } from './housekeeping.ts';
import { ProxiedClients } from './proxied-clients.ts';
import type { ReceiveRule } from './receive-filter.ts';
import { Receivers } from './receivers.ts';
import { Silencers, SourcePorts } from './silencers.ts';
import { Worlds, type RawMode, type RawService, type World } from './world.ts';

export interface RawPlaneOptions {
  /** Own addresses, at most one of each family: fullnat's and tunnel packets come from them. */
  readonly hosts: readonly string[];
  readonly clock: Clock;
  /** From 0 (included) to 1. */
  readonly random: () => number;
  readonly log: Logger;
  /** Largest IP packet that is sent; default: the MTU of the interface that has the first host. */
  readonly mtu?: number;
  /** Ports of the hosts that stand for clients; default 24,000 to 31,999. */
  readonly ports?: PortRange;
  /** Default: 262,144 confirmed and 65,536 others. */
  readonly capacity?: FlowCapacity;
  /** A confirmed flow may be forgotten after this silence, when the table is nearly full; default 15 minutes. */
  readonly idleMs?: number;
  /** What becomes of new flows when no more can be confirmed; default maglev: they are forwarded and evictable. */
  readonly onFull?: 'maglev' | 'refuse';
  /** Default 5,000. */
  readonly resetsPerSecond?: number;
  /** TCP ends of those connected through the proxy to an endpoint now: their packets are the kernel's. Default: nobody. */
  readonly proxied?: (listen: Endpoint) => readonly Endpoint[] | undefined;
  /** Mode of a service; undefined: it is not this plane's. Default: what the table says, if that is one of ours. */
  readonly modeOf?: (service: ServiceForwarding) => RawMode | undefined;
}

export interface FoundRawFlow {
  /** Id of the balancer. */
  readonly balancer: string;
  readonly mode: RawMode;
  readonly state: 'opening' | 'established' | 'closing';
  readonly confirmed: boolean;
}

const stateNames = {
  [FlowState.Opening]: 'opening',
  [FlowState.Established]: 'established',
  [FlowState.Closing]: 'closing',
} as const;

const defaultCapacity: FlowCapacity = { confirmed: 262_144, unconfirmed: 65_536 };
const housekeepingMs = 1_000;
/** How long opening and ended flows are remembered: as long as TCP waits for stragglers on Linux. */
const lingerMs = 60_000;
const ticksOf = (ms: number): number => Math.ceil((ms * 1e6) / 2 ** 24);

export function createRawPlane(options: RawPlaneOptions): ForwardingPlane {
  return new RawPlane(options);
}

export class RawPlane implements PacketPlane {
  readonly name = 'raw';
  /** Its flows end with its process. */
  readonly memory: PlaneMemory = { modes: new Map(), eligible: new Map(), dead: new Set(), balancers: [] };
  readonly #options: RawPlaneOptions;
  readonly #ports: PortRange;
  readonly #capacity: FlowCapacity;
  readonly #flows: Flows;
  readonly #bindings: Bindings;
  readonly #worlds: Worlds;
  readonly #forwarder: Forwarder;
  readonly #silencers = new Silencers();
  readonly #receivers: Receivers;
  readonly #sender: PacketSender;
  readonly #bereaved: Bereaved<string>;
  readonly #timer: Timer;
  readonly #onDrained: (() => void)[] = [];
  readonly #listed = new ListedFlows();
  readonly #proxied: ProxiedClients;
  #idleMs: number;
  #resetsPerSecond: number;
  /** Answers come to our own ports, or did. */
  #translates = false;
  #world: World | undefined;
  #vips = new Map<string, Endpoint>();
  #saidCapacity = 0;
  #drained: Promise<void> | undefined;
  #closed = false;

  constructor(options: RawPlaneOptions) {
    const { hosts, clock, random, log, capacity = defaultCapacity } = options;
    this.#options = options;
    this.#ports = options.ports ?? defaultSourcePorts;
    this.#capacity = capacity;
    this.#idleMs = options.idleMs ?? 15 * 60_000;
    this.#resetsPerSecond = options.resetsPerSecond ?? defaultResetsPerSecond;
    this.#proxied = new ProxiedClients(clock, options.proxied ?? (() => undefined));
    const own = (family: 4 | 6) => {
      const host = hosts.find((one) => addressFamily(one) === family);
      return host === undefined ? undefined : ipBytes(host);
    };
    const ground = { own4: own(4), own6: own(6), mtu: options.mtu ?? mtuOf(hosts[0]) };
    this.#flows = new Flows(capacity, (key) => this.#bindings.release(key, this.#tick()));
    this.#bindings = new Bindings({
      grow: new SourcePorts(hosts, this.#ports, this.#silencers).grow,
      restTicks: ticksOf(lingerMs),
      onEvict: ({ key }) => void this.#flows.remove(key),
    });
    this.#worlds = new Worlds(ground, this.#flows);
    this.#sender = createPacketSender({
      clock,
      onUnavailable: (error) => log.error(describeError(error)),
    });
    this.#forwarder = new Forwarder({
      ground,
      ports: this.#ports,
      flows: this.#flows,
      bindings: this.#bindings,
      refuseWhenFull: options.onFull === 'refuse',
      isProxied: (service, key) => this.#proxied.has(service, key),
      send: (packet, to) => this.#send(packet, to),
    });
    this.#receivers = new Receivers({
      onPacket: (packet) => this.#forwarder.take(packet, this.#tick()),
      onError: (error) => log.error(describeError(error)),
    });
    this.#bereaved = new Bereaved({
      flows: flowsInMemory(this.#flows, () => this.#world),
      sender: this.#sender,
      clock,
      random,
      ratePerSecond: () => this.#resetsPerSecond,
    });
    this.#timer = every(clock, housekeepingMs, () => this.#keepHouse(), true);
  }

  #tick(): number {
    return tickOf(BigInt(Math.floor(this.#options.clock.now() * 1e6)));
  }

  #send(packet: Uint8Array, to: Uint8Array): void {
    const answer = this.#sender.send(packet, formatIp(to));
    if (answer !== 'sent' && answer !== 'queued') this.#forwarder.add('unsent');
  }

  /** Sizes stay as they were at the start. */
  setTopology({ flows }: Topology): void {
    this.#idleMs = flows.idleMs;
    this.#resetsPerSecond = flows.resetsPerSecond;
    this.#forwarder.refuseWhenFull = flows.onFull === 'refuse';
  }

  /** The kernel finds the ways. */
  expect(): void {}

  obstacle(): undefined {
    return undefined;
  }

  comingFromProxy(listens: readonly Endpoint[]): void {
    this.#proxied.leave(listens);
  }

  apply(table: ForwardingTable): Promise<void> {
    if (this.#closed) return Promise.resolve();
    const world = this.#worlds.next(table, this.#options.modeOf ?? ownMode);
    const ids = new Set(world.balancers.values());
    for (const id of this.#world?.balancers.values() ?? []) if (!ids.has(id)) this.#listed.forget(id);
    this.#world = world;
    this.#forwarder.setWorld(world);
    this.#proxied.look(world.byIndex.values());
    const dead = [...world.balancers].flatMap(([index, id]) =>
      table.dead.includes(id) ? [{ index, generation: world.generation(index) }] : [],
    );
    this.#bereaved.setDead(dead);
    const failures = [...world.misfits.map(misfit), ...this.#open(world)];
    this.#sayCapacity();
    if (failures.length === 0) return Promise.resolve();
    const [cause] = failures;
    const about =
      failures.length === 1
        ? new HeadgateError('HEADGATE_DIRECTOR_APPLY', 'cannot forward packets of a service', { cause })
        : new HeadgateError(
            'HEADGATE_DIRECTOR_APPLY',
            `cannot forward packets of services: ${failures.map(describeError).join(', ')}`,
          );
    return Promise.reject(about);
  }

  /** Silences the VIPs, then receives; a VIP that cannot be silenced is left to the kernel. */
  #open(world: World): unknown[] {
    const failures: unknown[] = [];
    const wanted = new Map([...world.byIndex.values()].map(({ listen }) => [formatEndpoint(listen), listen]));
    for (const [key, listen] of this.#vips) {
      if (wanted.has(key)) continue;
      this.#silencers.release(listen);
      this.#vips.delete(key);
    }
    const rules: ReceiveRule[] = [];
    for (const [key, listen] of wanted) {
      try {
        this.#silencers.silence(listen);
        this.#vips.set(key, listen);
        rules.push({ address: ipBytes(listen.host), first: listen.port, last: listen.port });
      } catch (error) {
        failures.push(error);
      }
    }
    // Flows stay fullnat when their service changes to tun.
    this.#translates ||= [...world.byIndex.values()].some(({ mode }) => mode === 'fullnat');
    if (this.#translates) {
      for (const host of this.#options.hosts) rules.push({ address: ipBytes(host), ...this.#ports });
    }
    try {
      this.#receivers.setRules(rules);
    } catch (error) {
      failures.push(error);
    }
    return failures;
  }

  /** Most flows at one time, by what is there now. */
  get #limit(): number {
    const services = [...(this.#world?.byIndex.values() ?? [])];
    const endpoints = new Set<string>();
    for (const service of services) {
      if (service.mode === 'tun') return this.#capacity.confirmed;
      for (const { address, port } of service.endpoints.values())
        endpoints.add(`${keyText(address)} ${port}`);
    }
    return rawCapacity(this.#ports, endpoints.size, this.#capacity.confirmed);
  }

  #sayCapacity(): void {
    const limit = this.#limit;
    if (limit === this.#saidCapacity) return;
    this.#saidCapacity = limit;
    const { first, last } = this.#ports;
    this.#options.log.info(
      `the raw plane carries at most ${limit} connections (source ports ${first} to ${last}, once for each balancer; table of ${this.#capacity.confirmed})`,
    );
  }

  stats(): PlaneStats {
    const services: Record<string, PlaneServiceStats> = {};
    const total = { accepted: 0, refusedNoBalancer: 0, refusedUnreachable: 0, connections: 0 };
    for (const { name, index } of this.#world?.byIndex.values() ?? []) {
      const { accepted, refusedNoBalancer } = this.#forwarder.serviceCounts(index);
      const sum = (services[name] ??= {
        accepted: 0,
        refusedNoBalancer: 0,
        refusedUnreachable: 0,
        connections: 0,
      });
      sum.accepted += accepted;
      sum.refusedNoBalancer += refusedNoBalancer;
      sum.connections += this.#flows.ofService(index);
    }
    total.accepted = this.#forwarder.count('forwardNew');
    total.refusedNoBalancer = this.#forwarder.count('resetNoBalancer');
    total.connections = this.#flows.live;
    const balancers = [...(this.#world?.balancers ?? [])].map(([index, id]) => [
      id,
      this.#flows.ofBalancer(index),
    ]);
    const zero = Object.fromEntries(rawCounterNames.map((name) => [name, 0]));
    return {
      total,
      services,
      balancers: Object.fromEntries(balancers.filter(([, count]) => count !== 0)) as Record<string, number>,
      limit: this.#limit,
      refusedFull: this.#forwarder.count('refusedFull') + this.#forwarder.count('refusedPorts'),
      counters: {
        ...zero,
        ...this.#forwarder.counts(),
        ...this.#bereaved.stats(),
        flowsEvicted: this.#flows.evicted,
        receiveDropped: this.#receivers.dropped,
      },
    };
  }

  flows(most: number): readonly Flow[] {
    const found: Flow[] = [];
    for (const table of [this.#flows.confirmed, this.#flows.unconfirmed]) {
      for (const [key, entry] of table) {
        if (found.length >= most) return found;
        if (entry.state === FlowState.Opening) continue;
        const service = this.#world?.byIndex.get(serviceOf(key));
        const balancer = this.#world?.balancers.get(entry.balancer);
        if (service === undefined || balancer === undefined) continue;
        found.push({ service: service.name, client: clientOf(key, service), balancer });
      }
    }
    return found;
  }

  /** The flow of one client with a service, if there is one. */
  find(serviceName: string, client: Endpoint): FoundRawFlow | undefined {
    for (const service of this.#world?.byIndex.values() ?? []) {
      if (service.name !== serviceName) continue;
      const key = keyText(flowKey(ipBytes(client.host), client.port, service.index));
      const entry = this.#flows.find(key);
      const balancer = entry === undefined ? undefined : this.#world?.balancers.get(entry.balancer);
      if (entry === undefined || balancer === undefined) continue;
      const mode = entry.mode === Mode.Tun ? 'tun' : 'fullnat';
      return { balancer, mode, state: stateNames[entry.state], confirmed: this.#flows.confirmed.has(key) };
    }
    return undefined;
  }

  /** What status shows of this plane. */
  detail(): readonly [
    {
      readonly plane: string;
      readonly flows: {
        readonly confirmed: number;
        readonly unconfirmed: number;
        readonly capacity: number;
      };
    },
  ] {
    const { confirmed, unconfirmed } = this.#flows;
    return [
      {
        plane: 'raw',
        flows: { confirmed: confirmed.size, unconfirmed: unconfirmed.size, capacity: this.#limit },
      },
    ];
  }

  /**
   * Takes a balancer's word. In tun, whose answers do not pass here, it is what confirms and ends flows, and restores those
   * that a restart has forgotten. In fullnat this plane sees for itself, and no balancer knows the clients.
   */
  report(id: string, report: FlowReport): void {
    const balancer = [...(this.#world?.balancers ?? [])].find(([, name]) => name === id)?.[0];
    if (balancer === undefined) return;
    const unlisted = this.#listed.take(report);
    for (const service of this.#world?.byIndex.values() ?? []) {
      if (formatEndpoint(service.listen) !== report.service) continue;
      const keyOf = ({ address, port }: FlowClient): string => keyText(flowKey(address, port, service.index));
      for (const key of report.confirmed.map(keyOf)) this.#confirm(key, balancer, service);
      for (const key of report.disowned.map(keyOf)) this.#disown(key, balancer);
      if (unlisted === undefined) continue;
      for (const key of this.#missing(service, balancer, unlisted)) this.#disown(key, balancer);
    }
  }

  #confirm(key: string, balancer: number, service: RawService): void {
    const entry = this.#flows.find(key);
    if (entry !== undefined) {
      if (entry.balancer === balancer && entry.mode === Mode.Tun) this.#flows.confirm(key);
      return;
    }
    if (service.mode !== 'tun' || !this.#flows.hasRoom) return;
    const generation = this.#world!.generation(balancer);
    const state = FlowState.Established;
    const lastSeen = this.#tick();
    const restored = { balancer, generation, state, mode: Mode.Tun, lastAck: 0, lastSeen };
    this.#flows.apply([{ table: 'confirmed', key, entry: restored }]);
  }

  #disown(key: string, balancer: number): void {
    const entry = this.#flows.find(key);
    if (entry?.balancer !== balancer || entry.mode !== Mode.Tun) return;
    if (entry.state !== FlowState.Opening) this.#flows.remove(key);
    // Its client is back with the same port: followed, and evictable until that is confirmed.
    else if (this.#flows.confirmed.has(key)) this.#flows.end(key);
  }

  /** Confirmed flows in tun of a service and balancer that its listing did not name. */
  #missing(
    { index, vip }: RawService,
    balancer: number,
    isListed: (client: FlowClient) => boolean,
  ): readonly string[] {
    return [...this.#flows.confirmed].flatMap(([key, entry]) => {
      if (entry.balancer !== balancer || entry.mode !== Mode.Tun || serviceOf(key) !== index) return [];
      const { client, clientPort } = flowKeyLayout.read(Buffer.from(key, 'hex'));
      const address = vip.address.length === 4 ? client.subarray(12) : client;
      return isListed({ address, port: clientPort }) ? [] : [key];
    });
  }

  #keepHouse(): void {
    const tick = this.#tick();
    const idleTicks = ticksOf(this.#idleMs);
    const { confirmed } = this.#capacity;
    this.#proxied.look(this.#world?.byIndex.values() ?? []);
    this.#bindings.tidy(tick);
    const lingerTicks = ticksOf(lingerMs);
    const foreign = this.#world?.foreign ?? new Set();
    for (const key of demotable(this.#flows, foreign, tick, lingerTicks)) this.#flows.end(key);
    for (const key of promotable(this.#flows, foreign, confirmed, tick, lingerTicks))
      this.#flows.confirm(key);
    for (const key of outlived(this.#flows, this.#bindings, tick, lingerTicks)) this.#flows.remove(key);
    for (const key of reclaimable(this.#flows, this.#bindings, confirmed, tick, idleTicks))
      this.#flows.remove(key);
    if (this.#drained !== undefined && this.#flows.live === 0) this.#endDrain();
  }

  drain(): Promise<void> {
    this.#forwarder.stop();
    this.#drained ??= new Promise((resolve) => {
      this.#onDrained.push(resolve);
      if (this.#flows.live === 0) this.#endDrain();
    });
    return this.#drained;
  }

  #endDrain(): void {
    for (const resolve of this.#onDrained.splice(0)) resolve();
  }

  /** The kernel answers for the VIPs and our ports from now on: with RST, as nobody listens there. */
  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    this.#timer.cancel();
    this.#bereaved.close();
    this.#receivers.close();
    this.#sender.close();
    this.#silencers.close();
    this.#endDrain();
    return Promise.resolve();
  }
}

function misfit({ service, address, why }: World['misfits'][number]): HeadgateError {
  return new HeadgateError('HEADGATE_RAW_FAMILY', `service ${service}: balancer ${address} ${why}`);
}

function ownMode({ mode }: { readonly mode: string }): RawMode | undefined {
  return mode === 'fullnat' || mode === 'tun' ? mode : undefined;
}

function clientOf(key: string, { vip }: RawService): string {
  const { client, clientPort } = flowKeyLayout.read(Buffer.from(key, 'hex'));
  const host = formatIp(vip.address.length === 4 ? client.subarray(12) : client);
  return formatEndpoint({ host, port: clientPort });
}

/** MTU of the interface that has an address; 1,500 where that cannot be told. */
function mtuOf(host: string | undefined): number {
  const found = Object.entries(networkInterfaces()).find(([, addresses]) =>
    addresses?.some(({ address }) => canonicalAddress(address) === host),
  );
  if (found === undefined) return 1_500;
  try {
    return Number(readFileSync(`/sys/class/net/${found[0]}/mtu`, 'utf8')) || 1_500;
  } catch {
    // Not Linux, or /sys is another host's.
    return 1_500;
  }
}
