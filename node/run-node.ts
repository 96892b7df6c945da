/**
 * Runs one node of a tier as this process: topology, secret, control channel, admin socket, signals. The tier
 * does the work; this decides when it starts, changes and ends.
 */
import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { formatEndpoint, sameEndpoint } from '../lib/address/index.ts';
import { every, systemClock, type Timer } from '../lib/clock/index.ts';
import { createControlServer, type ControlServer, type Json } from '../lib/control/index.ts';
import { deferred } from '../lib/deferred/index.ts';
import { describeError, HeadgateError } from '../lib/errors/index.ts';
import {
  formatProblem,
  topologySource,
  type Tier,
  type Topology,
  type TopologySource,
  type TopologyWatch,
  type WatchHandlers,
} from '../topology/index.ts';
import { AdminLimit, limitAdmin } from './admin-limit.ts';
import { collectStatus, type ClusterStatus } from './cluster-status.ts';
import { controlEndpoints, type NodeAddress } from './control-endpoints.ts';
import { ControlPorts } from './control-ports.ts';
import { EarlyEnd, endSignals } from './early-end.ts';
import { standardOutput } from './log-output.ts';
import { createLogger, type LogFormat, type LogLevel } from './logger.ts';
import { clusterStatusMethod, statusMethod, type NodeStatus } from './node-status.ts';
import { RateMeter } from './rate-meter.ts';
import { RolloutAgent } from './rollout/agent.ts';
import { troublesOf } from './rollout/health.ts';
import { rolloutMethods } from './rollout/messages.ts';
import { openKeys, type KeyKeeper } from './rotation/keeper.ts';
import { rotationMethods } from './rotation/messages.ts';
import { holdingStore, stateDirectory } from './rollout/store.ts';
import { ensureRuntimeDirectory } from './runtime-directory.ts';
import { startTopology, type StartTopology } from './start-topology.ts';
import type { StartTier, TierNode } from './tier-node.ts';
import { version } from './version.ts';

export interface RunNodeOptions {
  readonly tier: Tier;
  readonly start: StartTier;
  /** Path of the topology file, or its address in etcd. */
  readonly file: string;
  /** Name of the node; undefined: found by this machine's addresses. */
  readonly name: string | undefined;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  /** Overrides the topology's `grace`. */
  readonly graceMs: number | undefined;
  readonly env: Readonly<NodeJS.ProcessEnv>;
  /** Aborted, with the signal's name as its reason, by one that came before; undefined: none has. */
  readonly signal?: AbortSignal;
}

/** Message to a parent that started this process with an IPC channel: the node takes connections. */
export interface ReadyMessage {
  readonly headgate: 'ready';
}

/** Over which time refusals and resets are told, and how often they are looked at. */
const minuteMs = 60_000;
const troubleSampleMs = 5_000;

/** Requests that cost more than a heartbeat. */
const adminMethods: ReadonlySet<string> = new Set([
  statusMethod,
  clusterStatusMethod,
  'explain',
  ...rolloutMethods,
  ...rotationMethods,
]);

/** How often a removed node looks whether its last connection has ended. */
const removedCheckMs = 250;

/**
 * Runs until the node is told to end (SIGTERM, SIGINT, removal from the topology); resolves with the exit code.
 * Throws what kept it from starting.
 */
export async function runNode(options: RunNodeOptions): Promise<number> {
  const settings = { level: options.logLevel, format: options.logFormat };
  const early = new EarlyEnd(createLogger(options.name ?? options.tier, settings));
  if (options.signal?.aborted === true) early.tell(String(options.signal.reason));
  try {
    const source = topologySource(options.file, options.env);
    const start = await startTopology(source, options.tier, options.name, stateDirectory(options.env));
    const log = createLogger(start.name, settings);
    const { secret } = start.topology;
    const keys = await openKeys({ source: secret, env: options.env, clock: systemClock, log });
    for (const warning of start.warnings) log.warn(warning);
    return await new NodeProcess(options, source, start, keys, log).run(early);
  } finally {
    early.over();
  }
}

class NodeProcess {
  readonly #options: RunNodeOptions;
  readonly #source: TopologySource;
  readonly #start: StartTopology;
  readonly #rollout: RolloutAgent;
  readonly #adminLimit = new AdminLimit(systemClock);
  readonly #troubles = new RateMeter(systemClock, minuteMs);
  #troubleSamples: Timer | undefined;
  readonly #name: string;
  readonly #keys: KeyKeeper;
  readonly #log: Logger;
  readonly #control: ControlServer;
  readonly #ports: ControlPorts;
  readonly #started = performance.now();
  readonly #exit = deferred<number>();
  #topology: Topology;
  #address: NodeAddress;
  #tier: TierNode | undefined;
  #watch: TopologyWatch | undefined;
  #removedCheck: Timer | undefined;
  #ending = false;
  #collecting: Promise<ClusterStatus> | undefined;

  constructor(
    options: RunNodeOptions,
    source: TopologySource,
    start: StartTopology,
    keys: KeyKeeper,
    log: Logger,
  ) {
    const { topology, name } = start;
    this.#options = options;
    this.#source = source;
    this.#start = start;
    this.#topology = topology;
    this.#name = name;
    this.#keys = keys;
    const key = keys.ring;
    this.#log = log;
    this.#address = this.#findAddress(topology)!;
    const server = createControlServer({ key, cluster: topology.cluster, node: name, log });
    this.#control = limitAdmin(server, adminMethods, this.#adminLimit);
    this.#ports = new ControlPorts(this.#control, systemClock);
    this.#rollout = new RolloutAgent({
      source,
      node: name,
      key,
      env: options.env,
      control: this.#control,
      log,
      clock: systemClock,
      random: Math.random,
      holding: start.holding,
      topology,
      store: holdingStore(stateDirectory(options.env), source.name, options.tier, name),
      self: () => this.#address.control,
      apply: (changed) => this.#apply(changed),
      check: (changed) => this.#check(changed),
    });
  }

  async run(early: EarlyEnd): Promise<number> {
    const socketPath = join(ensureRuntimeDirectory(this.#options.env), `${process.pid}.sock`);
    // Closing the channel removes it too; this is for every other way to end.
    process.once('exit', () => removeQuietly(socketPath));
    // From the start on: a parent may also go while its nodes are starting.
    process.once('disconnect', this.#onOrphaned);
    if (process.send !== undefined && !process.connected) this.#onOrphaned();
    early.begin();
    try {
      this.#tier = await this.#options.start({
        topology: this.#topology,
        node: this.#name,
        key: this.#keys.ring,
        control: this.#control,
        log: this.#log,
        logFormat: this.#options.logFormat,
        clock: systemClock,
        generations: this.#rollout.generations,
      });
      this.#keys.start(this.#control);
      this.#control.handle(statusMethod, () => this.#status() as unknown as Json);
      this.#control.handle(clusterStatusMethod, async () => (await this.#collect()) as unknown as Json);
      if (!early.isTold) await this.#ports.listen(this.#address.control);
      if (!early.isTold) await this.#control.listenLocal(socketPath);
    } catch (error) {
      await this.#closeAll();
      if (early.isTold) return 0;
      throw new HeadgateError('HEADGATE_NODE_START', `${this.#address.tier} ${this.#name}`, { cause: error });
    }
    if (early.isTold) {
      await this.#closeAll();
      return 0;
    }
    early.over();
    this.#rollout.start(this.#start.rewrite);
    this.#watchTopology();
    this.#watchProcess();
    this.#troubleSamples = every(
      systemClock,
      troubleSampleMs,
      () => this.#troubles.sample(troublesOf(this.#tier!.status())),
      true,
    );
    this.#log.info(
      { pid: process.pid, version, topology: this.#topology.hash },
      `${this.#address.tier} ${this.#name} is ready, control port ${formatEndpoint(this.#address.control)}`,
    );
    if (process.connected) process.send?.({ headgate: 'ready' } satisfies ReadyMessage);
    const code = await this.#exit.promise;
    await this.#closeAll();
    this.#log.info(`${this.#address.tier} ${this.#name} has ended`);
    return code;
  }

  #findAddress(topology: Topology): NodeAddress | undefined {
    return controlEndpoints(topology).find(
      ({ node, tier }) => node === this.#name && tier === this.#options.tier,
    );
  }

  #watchTopology(): void {
    const handlers: WatchHandlers = {
      onTopology: (topology, warnings, text, note) => {
        for (const warning of warnings) this.#log.warn(formatProblem(warning));
        if (this.#source.shared === undefined) this.#rollout.fileChanged(topology, text);
        else this.#rollout.sharedChanged(topology, text, note);
      },
      onProblems: (problems) => {
        for (const problem of problems) this.#log.error(formatProblem(problem));
        this.#log.error(`the changed topology is not used; ${this.#topology.hash} keeps running`);
      },
      onUnchanged: (topology) => this.#log.info(`the topology is unchanged: ${topology.hash}`),
      onUnwatchable: (error) => this.#log.warn(describeError(error)),
      onAway: (error) => {
        this.#log.warn(`${describeError(error)}; ${this.#topology.hash} keeps running`);
      },
      onBack: () => this.#log.info(`${this.#source.name} answers again`),
    };
    this.#watch = this.#source.watch(handlers, { running: this.#topology });
  }

  /** One at a time: the roll-out agent sees to that. Rejects with what did not work. */
  async #apply(topology: Topology): Promise<void> {
    if (this.#ending || this.#tier === undefined) return;
    await this.#tier.apply(topology);
    const before = this.#topology;
    this.#topology = topology;
    if (before.hash !== topology.hash) this.#log.info(`topology ${topology.hash} replaces ${before.hash}`);
    if (before.cluster !== topology.cluster)
      this.#log.warn("a changed cluster name is used from this node's next start on");
    if (!isDeepStrictEqual(before.secret, topology.secret)) await this.#keys.follow(topology.secret);
    await this.#followOwnAddress(this.#findAddress(topology));
  }

  /** Part of phase one of a roll-out: rejects with what this host cannot do. */
  async #check(topology: Topology): Promise<void> {
    const address = this.#findAddress(topology);
    if (address?.control.host === this.#address.control.host)
      await this.#ports.check(this.#topology, address.control);
    await this.#tier?.check?.(topology);
  }

  /** A node whose entry is gone, or moved to another address, drains and then ends; back again, it stays. */
  async #followOwnAddress(address: NodeAddress | undefined): Promise<void> {
    const here = address !== undefined && address.control.host === this.#address.control.host;
    if (!here) {
      if (this.#removedCheck !== undefined) return;
      this.#log.warn(
        `${this.#name} was removed from the topology: it takes nothing new and ends with its last connection`,
      );
      const quietMs = 2 * this.#topology.heartbeat.intervalMs;
      let idleSince: number | undefined;
      this.#removedCheck = every(systemClock, removedCheckMs, () => {
        if (this.#tier!.status().connections > 0) idleSince = undefined;
        else idleSince ??= performance.now();
        if (idleSince !== undefined && performance.now() - idleSince >= quietMs)
          void this.#end('removed', undefined);
      });
      return;
    }
    if (this.#removedCheck !== undefined) {
      this.#removedCheck.cancel();
      this.#removedCheck = undefined;
      this.#log.info(`${this.#name} is in the topology again`);
    }
    if (sameEndpoint(address.control, this.#address.control)) {
      this.#ports.stay();
      return;
    }
    await this.#ports.move(address.control, (failure) => {
      this.#address = address;
      this.#log.info(`control port is now ${formatEndpoint(address.control)}`);
      this.#rollout.overcame(failure);
    });
  }

  #watchProcess(): void {
    for (const signal of endSignals) {
      process.on(signal, () => {
        if (this.#ending) {
          this.#log.warn(`${signal} again: ending now`);
          this.#exit.resolve(0);
        } else {
          void this.#end(signal, this.#options.graceMs ?? this.#topology.graceMs);
        }
      });
    }
    process.on('SIGHUP', () => {
      this.#log.info('SIGHUP: reading the topology again');
      void this.#watch?.reload();
      void this.#keys.reload();
    });
    process.once('uncaughtException', (error) => {
      this.#log.fatal({ err: error }, `internal error, please report it: ${describeError(error)}`);
      process.exit(1);
    });
  }

  /** Started by `headgate up` (or another parent with a channel): never outlive it. */
  readonly #onOrphaned = (): void => {
    this.#log.warn('the parent process is gone: ending now');
    this.#exit.resolve(0);
  };

  async #end(why: string, graceMs: number | undefined): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    const connections = this.#tier!.status().connections;
    this.#log.info(
      `${why}: draining ${connections} connections${graceMs === undefined ? '' : `, at most ${graceMs / 1_000} s`}`,
    );
    const grace = graceMs === undefined ? undefined : systemClock.after(graceMs, () => this.#exit.resolve(0));
    try {
      await this.#tier!.drain();
    } catch (error) {
      this.#log.error({ err: error }, `draining failed: ${describeError(error)}`);
    }
    grace?.cancel();
    this.#exit.resolve(0);
  }

  async #closeAll(): Promise<void> {
    this.#ending = true;
    this.#watch?.close();
    this.#source.close();
    this.#removedCheck?.cancel();
    this.#ports.stay();
    this.#troubleSamples?.cancel();
    await this.#rollout.close();
    await this.#keys.close();
    await this.#tier?.close();
    await this.#control.close();
    // A channel somebody listens on keeps the process alive.
    process.off('disconnect', this.#onOrphaned);
    if (process.connected) process.disconnect();
  }

  #status(): NodeStatus {
    return {
      ...this.#tier!.status(),
      node: this.#name,
      tier: this.#options.tier,
      pid: process.pid,
      version,
      uptimeMs: Math.round(performance.now() - this.#started),
      topology: this.#topology.hash,
      rollout: this.#rollout.status(),
      keys: this.#keys.status(),
      troublesLastMinute: this.#troublesLastMinute(),
      adminRefused: this.#adminLimit.refused,
      logLinesDropped: standardOutput().dropped,
      file: this.#source.name,
      control: this.#control.stats(),
    };
  }

  #troublesLastMinute(): number {
    const perSecond = this.#troubles.perSecond(troublesOf(this.#tier!.status()));
    return Math.round((perSecond * Math.min(minuteMs, performance.now() - this.#started)) / 1_000);
  }

  /** One round at a time, shared by everybody who asks meanwhile. */
  #collect(): Promise<ClusterStatus> {
    this.#collecting ??= collectStatus(this.#topology, this.#keys.ring, this.#name).finally(() => {
      this.#collecting = undefined;
    });
    return this.#collecting;
  }
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Already gone: closing the server unlinks it.
  }
}
