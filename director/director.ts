import type { Logger } from 'pino';
import { every, type Clock, type Timer } from '../lib/clock/index.ts';
import { describeError, HeadgateError } from '../lib/errors/index.ts';
import type { Heartbeats } from '../lib/heartbeat/index.ts';
import { RateMeter, type TierContext, type TierNode, type TierStatus } from '../node/index.ts';
import type { Director, Topology } from '../topology/index.ts';
import { Alarms } from './alarms.ts';
import { balancerId, heartbeatTarget, nameOfId } from './balancer-identity.ts';
import { checkTopology } from './check-topology.ts';
import { CompositePlane } from './composite-plane.ts';
import { directorStatus } from './director-status.ts';
import { explainHandler, explainMethod } from './explain-request.ts';
import { FlowReports } from './flow-reports.ts';
import { buildForwardingTable, type ForwardingTable } from './forwarding-table.ts';
import type { DirectorParts } from './parts.ts';
import { ModeKeeper } from './mode-keeper.ts';
import type { PacketPlane, PacketPlaneKind } from './packet-planes.ts';
import { createProxyPlane } from './proxy/index.ts';
import { afterTopologyChange, withConnections, type RemovedBalancer } from './removed-balancers.ts';
import { remember } from './remembered.ts';
import { forwardingStatus } from './status-forwarding.ts';
import { logTableChange } from './table-log.ts';

/** Least time for first answers after a start: where beats are fast the machine may still be busy with the start. */
const rememberedLeastMs = 3_000;
/** How often counts are sampled and forgotten things are looked for. */
const housekeepingMs = 1_000;

export async function startDirectorWith(context: TierContext, parts: DirectorParts): Promise<TierNode> {
  const { topology, node } = context;
  const me = topology.directors.find(({ name }) => name === node);
  if (me === undefined) {
    throw new HeadgateError(
      'HEADGATE_DIRECTOR_NOT_IN_TOPOLOGY',
      `there is no director ${node} in the topology`,
    );
  }
  const director = new DirectorNode(context, parts, me);
  try {
    await director.start();
  } catch (error) {
    await director.close();
    throw error;
  }
  return director;
}

class DirectorNode implements TierNode {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #heartbeats: Heartbeats;
  readonly #plane: CompositePlane;
  readonly #modes: ModeKeeper;
  readonly #kinds: readonly PacketPlaneKind[];
  readonly #director: Director;
  /** Since when balancers are asked; what was known before holds until then, and for a while from then on. */
  #askingSinceMs: number | undefined;
  readonly #flowReports: FlowReports;
  readonly #meter: RateMeter;
  readonly #alarms: Alarms;
  readonly #engine: DirectorParts['engine'];
  #topology: Topology;
  #removed: readonly RemovedBalancer[] = [];
  /** When removed balancers had left the tables. */
  #leftMs: ReadonlyMap<string, number> = new Map();
  #table: ForwardingTable;
  #housekeeping: Timer | undefined;
  #refresh: Timer | undefined;
  /** The last table was not applied whole. */
  #incomplete = false;
  #draining = false;
  #closed = false;

  constructor(context: TierContext, parts: DirectorParts, director: Director) {
    const { topology, node, key, control, log, clock, generations } = context;
    this.#topology = topology;
    this.#director = director;
    this.#kinds = parts.packetPlanes ?? [];
    this.#engine = parts.engine;
    this.#clock = clock;
    this.#log = log;
    this.#meter = new RateMeter(clock);
    this.#alarms = new Alarms(clock, log);
    this.#heartbeats = parts.createHeartbeats({
      settings: topology.heartbeat,
      identity: {
        key,
        cluster: topology.cluster,
        node,
        ...(generations && { generations }),
        forwards: () => this.#modes.told,
      },
      log,
      clock,
      onChange: () => this.#refreshSoon(),
      onReply: () => this.#refreshSoon(),
      onConnection: (id, connection) => this.#flowReports.connected(id, connection),
    });
    this.#flowReports = new FlowReports({ plane: () => this.#plane, log });
    const proxy = createProxyPlane({
      ...parts,
      resetsPerSecond: () => this.#topology.flows.resetsPerSecond,
      host: director.host,
      clock,
      log,
      onConnectFailure: (id) => this.#heartbeats.probeNow(id),
    });
    this.#plane = new CompositePlane({
      proxy,
      kindOf: (mode) => this.#modes.kinds.kindOf(mode),
      useKind: (mode) => this.#modes.kinds.use(mode),
      clock,
      open: (kind) =>
        this.#modes.open(kind, () =>
          kind.open({
            director,
            topology: this.#topology,
            tier: context,
            proxied: (listen) => proxy.clients(listen),
            onChange: () => this.#refreshSoon(),
          }),
        ),
      onOpened: (plane) => this.#opened(plane),
    });
    this.#modes = new ModeKeeper(
      {
        director,
        kinds: this.#kinds,
        plane: (kind) => this.#plane.plane(kind),
        running: (mode) => this.#plane.planeOf(mode),
        memories: () => this.#plane.packetPlanes.map(({ memory }) => memory),
        health: (id) => this.#heartbeats.health(id),
        clock,
        log,
      },
      topology,
    );
    this.#table = this.#buildTable();
    control.handle(
      explainMethod,
      explainHandler(
        () => this.#table,
        (service, client) => this.#plane.find(service, client),
      ),
    );
  }

  async start(): Promise<void> {
    // What an earlier process left goes on, whether a service wants it or not: flows may be in it.
    for (const kind of this.#kinds)
      if (kind.isPinned(this.#topology, this.#director)) this.#plane.plane(kind);
    this.#modes.begin();
    this.#table = this.#buildTable();
    logTableChange(this.#log, this.#modes.choices, undefined, this.#table);
    await this.#toPlane(this.#table);
    this.#setTargets();
    this.#askingSinceMs = this.#clock.now();
    this.#housekeeping = every(this.#clock, housekeepingMs, () => this.#keepHouse(), true);
    if (this.#engine !== undefined) {
      const { reason, isFallback } = this.#engine.inForce;
      this.#log[isFallback ? 'warn' : 'info'](reason);
    }
    this.#log.info(`carries at most ${this.#plane.stats().limit} connections at one time`);
  }

  async apply(topology: Topology): Promise<void> {
    if (this.#closed) return;
    this.#removed = afterTopologyChange(this.#removed, this.#topology, topology);
    this.#topology = topology;
    this.#modes.setTopology(topology);
    for (const plane of this.#plane.packetPlanes) {
      plane.setTopology(topology);
      plane.expect(this.#hosts());
    }
    this.#heartbeats.setSettings(topology.heartbeat);
    this.#setTargets();
    await this.#applyTable();
    this.#attempt(() => {
      if (!this.#forgetRemoved()) return;
      this.#setTargets();
      this.#refreshSoon();
    });
  }

  async check(topology: Topology): Promise<void> {
    const [running, director] = [this.#topology, this.#director];
    await checkTopology({ running, director, modes: this.#modes, kinds: this.#kinds }, topology);
  }

  status(): TierStatus {
    const stats = this.#plane.stats();
    const status = directorStatus({
      topology: this.#topology,
      removed: this.#removed,
      health: (id) => this.#heartbeats.health(id),
      suspectsItself: this.#heartbeats.suspectsItself,
      stats,
      draining: this.#draining,
      newPerSecond: this.#meter.perSecond(stats.total.accepted),
      forwarding: forwardingStatus(this.#topology, this.#modes.choices, this.#plane.detail()),
    });
    const counters = { ...status.counters, ...this.#flowReports.stats };
    if (this.#engine === undefined) return { ...status, counters };
    const { engine: name, reason } = this.#engine.inForce;
    return { ...status, counters, engine: { name, reason } };
  }

  drain(): Promise<void> {
    this.#draining = true;
    return this.#plane.drain();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#refresh?.cancel();
    this.#housekeeping?.cancel();
    this.#heartbeats.close();
    await this.#plane.close();
  }

  /** Many changes of one moment make one table. */
  #refreshSoon(): void {
    if (this.#closed) return;
    this.#refresh ??= this.#clock.after(0, () => void this.#applyTable());
  }

  /** Balancers that an earlier process knew and the topology has no more keep what they have. */
  #opened(plane: PacketPlane): void {
    const present = new Set(this.#topology.balancers.map(balancerId));
    const known = new Set(this.#removed.map(({ id }) => id));
    const left = plane.memory.balancers.filter(({ id }) => !present.has(id) && !known.has(id));
    this.#removed = [...this.#removed, ...left.map(({ id, target }) => ({ id, name: nameOfId(id), target }))];
    plane.expect(this.#hosts());
    this.#flowReports.relist();
  }

  #hosts(): readonly string[] {
    return this.#topology.balancers.map(({ host }) => host);
  }

  #buildTable(previous?: ForwardingTable): ForwardingTable {
    this.#modes.update();
    const { intervalMs, misses, deadAfterMs } = this.#topology.heartbeat;
    return buildForwardingTable(
      {
        topology: this.#topology,
        health: (id) => this.#heartbeats.health(id),
        removed: this.#removed.map(({ id }) => id),
        suspectsItself: this.#heartbeats.suspectsItself,
        modes: this.#modes.modes,
        obstacle: (balancer, mode) => this.#modes.obstacle(balancer, mode),
        remembered: remember({
          memories: this.#plane.packetPlanes.map(({ memory }) => memory),
          present: this.#topology.balancers.map(balancerId),
          health: (id) => this.#heartbeats.health(id),
          // Starting a plane may take long: the machine may be busy.
          ageMs: this.#askingSinceMs === undefined ? 0 : this.#clock.now() - this.#askingSinceMs,
          eligibleMs: Math.max(intervalMs * misses, rememberedLeastMs),
          deadMs: deadAfterMs,
        }),
        wallMs: Date.now(),
      },
      previous,
    );
  }

  /** Never throws: what fails is logged and tried again, and what was running keeps running. */
  async #applyTable(): Promise<void> {
    this.#refresh?.cancel();
    this.#refresh = undefined;
    try {
      const table = this.#buildTable(this.#table);
      if (table === this.#table && !this.#incomplete) return;
      logTableChange(this.#log, this.#modes.choices, this.#table, table);
      this.#table = table;
      this.#incomplete = false;
      await this.#toPlane(table);
    } catch (error) {
      this.#incomplete = true;
      this.#log.error(describeError(error));
    }
  }

  async #toPlane(table: ForwardingTable): Promise<void> {
    try {
      await this.#plane.apply(table);
    } finally {
      // What could not be applied is a part of it; all else is.
      const nowMs = this.#clock.now();
      this.#leftMs = new Map(table.removed.map((id) => [id, this.#leftMs.get(id) ?? nowMs]));
    }
  }

  #setTargets(): void {
    this.#heartbeats.setTargets([
      ...this.#topology.balancers.map((balancer) => heartbeatTarget(balancer, this.#topology)),
      ...this.#removed.map(({ target }) => target),
    ]);
  }

  #forgetRemoved(): boolean {
    const left = withConnections(this.#removed, this.#plane.stats(), (id) => this.#leftMs.get(id));
    if (left === this.#removed) return false;
    for (const { id } of this.#removed) {
      if (!left.some((other) => other.id === id))
        this.#log.info(`balancer ${id} was removed and has no connection left`);
    }
    this.#removed = left;
    return true;
  }

  #keepHouse(): void {
    this.#attempt(() => this.#lookAtPlane());
    // Also tries again what could not be applied, and sees what no event tells: that the monitor doubts itself.
    this.#refreshSoon();
  }

  /** What fails is logged: the kernel may have no memory for a moment, and the next look tries again. */
  #attempt(look: () => void): void {
    try {
      look();
    } catch (error) {
      this.#log.error(describeError(error));
    }
  }

  #lookAtPlane(): void {
    const { total, refusedFull, limit, counters } = this.#plane.stats();
    this.#meter.sample(total.accepted);
    this.#alarms.check('refusedFull', refusedFull, `connections refused: the limit of ${limit} is reached`);
    this.#alarms.check(
      'refusedNoBalancer',
      total.refusedNoBalancer,
      'connections refused: no balancer is eligible',
    );
    this.#alarms.check(
      'refusedUnreachable',
      total.refusedUnreachable,
      'connections refused: no balancer took them',
    );
    const exhausted = counters['descriptorsExhausted'] ?? 0;
    this.#alarms.check(
      'descriptorsExhausted',
      exhausted,
      'out of file descriptors: raise the limit of open files',
    );
    if (this.#forgetRemoved()) this.#setTargets();
  }
}
