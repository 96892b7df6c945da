/** Carries the monitor out: timers, probes, one line of log per change. */
import type { Logger } from 'pino';
import { systemClock, type Clock, type Timer } from '../clock/index.ts';
import type { ControlConnection } from '../control/index.ts';
import { healthOf, next, unknownTarget, type MonitorEvent, type MonitorState } from './monitor.ts';
import { HeadgateProbe, type ControlIdentity } from './probe-headgate.ts';
import { TcpProbe } from './probe-tcp.ts';
import type { Probe, ProbeEvent } from './probe.ts';
import { suspectsItself } from './self-suspicion.ts';
import type { Heartbeats, HeartbeatSettings, HeartbeatTarget, TargetHealth, TargetProbe } from './types.ts';

export interface HeartbeatsOptions {
  readonly settings: HeartbeatSettings;
  /** Who asks; proves and demands the cluster secret. */
  readonly identity: ControlIdentity;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Runs when `state` or `dead` of a target changed. Targets with the probe `off` change to up within setTargets. */
  readonly onChange: (health: TargetHealth, previous: TargetHealth) => void;
  /** Runs whenever a target told its state, in an answer or by itself; after onChange when both apply. */
  readonly onReply?: (health: TargetHealth) => void;
  /**
   * Runs for each control connection made to a target that speaks it, when it is made: what else one wants of the
   * target may travel on it. It ends when a beat is missed, and the next one follows.
   */
  readonly onConnection?: (id: string, connection: ControlConnection) => void;
  /** Makes the probe of a target; for tests. */
  readonly makeProbe?: (
    probe: Exclude<TargetProbe, { kind: 'off' }>,
    report: (event: ProbeEvent) => void,
  ) => Probe;
  /**
   * Runs a tick after the input that is already there has been read, so that a busy event loop does not take an
   * answer in the kernel's buffer for a miss. Default: setImmediate, which Node runs after polling.
   */
  readonly afterInput?: (run: () => void) => void;
}

/** While UNKNOWN, why a target is not up is told at most once in this time. */
const unknownLineMs = 10_000;

interface Watched {
  readonly target: HeartbeatTarget;
  state: MonitorState;
  readonly probe: Probe | undefined;
  timer: Timer | undefined;
  /** For which `dueMs` the timer runs. */
  timerDueMs: number;
  gone: boolean;
  toldMs: number;
  told: string;
}

export function createHeartbeats(options: HeartbeatsOptions): Heartbeats {
  return new Driver(options);
}

class Driver implements Heartbeats {
  readonly #options: HeartbeatsOptions;
  readonly #clock: Clock;
  readonly #afterInput: (run: () => void) => void;
  readonly #watched = new Map<string, Watched>();
  #settings: HeartbeatSettings;
  #suspects = false;

  constructor(options: HeartbeatsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#afterInput = options.afterInput ?? setImmediate;
    this.#settings = options.settings;
  }

  get suspectsItself(): boolean {
    return this.#suspects;
  }

  setTargets(targets: readonly HeartbeatTarget[]): void {
    const wanted = new Map(targets.map((target) => [target.id, target]));
    for (const [id, watched] of this.#watched) {
      const target = wanted.get(id);
      if (target === undefined || !sameProbe(target.probe, watched.target.probe)) this.#forget(watched);
    }
    for (const target of wanted.values()) if (!this.#watched.has(target.id)) this.#watch(target);
    this.#judgeTier();
  }

  setSettings(settings: HeartbeatSettings): void {
    this.#settings = settings;
    for (const watched of this.#watched.values()) this.#step(watched, { type: 'settings' });
  }

  health(id: string): TargetHealth | undefined {
    const watched = this.#watched.get(id);
    return watched && healthOf(id, watched.state);
  }

  all(): readonly TargetHealth[] {
    return [...this.#watched].map(([id, { state }]) => healthOf(id, state));
  }

  probeNow(id: string): void {
    const watched = this.#watched.get(id);
    if (watched !== undefined) this.#step(watched, { type: 'probe-now' });
  }

  close(): void {
    for (const watched of this.#watched.values()) this.#forget(watched);
    this.#suspects = false;
  }

  #watch(target: HeartbeatTarget): void {
    const nowMs = this.#clock.now();
    const before = unknownTarget(nowMs);
    const base = { target, timer: undefined, timerDueMs: NaN, gone: false, toldMs: -Infinity, told: '' };
    if (target.probe.kind === 'off') {
      const state: MonitorState = { ...before, health: 'up' };
      this.#watched.set(target.id, { ...base, state, probe: undefined });
      this.#options.onChange(healthOf(target.id, state), healthOf(target.id, before));
      return;
    }
    const probe = this.#makeProbe(target, target.probe, (event) => this.#step(watched, event));
    const watched: Watched = { ...base, state: before, probe };
    this.#watched.set(target.id, watched);
    this.#step(watched, { type: 'tick', suspectsItself: this.#suspects });
  }

  #makeProbe(
    { id }: HeartbeatTarget,
    probe: Exclude<TargetProbe, { kind: 'off' }>,
    report: (event: ProbeEvent) => void,
  ): Probe {
    if (this.#options.makeProbe !== undefined) return this.#options.makeProbe(probe, report);
    if (probe.kind === 'tcp') return new TcpProbe(probe, this.#clock, report);
    const { identity, onConnection } = this.#options;
    const connected = (connection: ControlConnection): void => onConnection?.(id, connection);
    return new HeadgateProbe(probe, identity, this.#clock, report, connected);
  }

  #forget(watched: Watched): void {
    watched.gone = true;
    watched.timer?.cancel();
    watched.probe?.close();
    this.#watched.delete(watched.target.id);
  }

  #step(watched: Watched, event: MonitorEvent): void {
    if (watched.gone || watched.probe === undefined) return;
    const before = watched.state;
    const { state, send } = next(before, event, this.#clock.now(), this.#settings);
    watched.state = state;
    if (send !== undefined) watched.probe.beat(send);
    if (state.dueMs !== watched.timerDueMs) this.#schedule(watched);
    this.#tell(watched, before);
    // Whoever was told may have forgotten the target.
    const { id } = watched.target;
    if (this.#watched.get(id) === watched && state.reply !== before.reply) {
      this.#options.onReply?.(healthOf(id, state));
    }
  }

  #schedule(watched: Watched): void {
    watched.timer?.cancel();
    watched.timerDueMs = watched.state.dueMs;
    const dueMs = watched.state.dueMs;
    watched.timer = this.#clock.after(dueMs - this.#clock.now(), () => {
      this.#afterInput(() => {
        // What was read meanwhile may have moved the tick.
        if (watched.state.dueMs !== dueMs) return;
        this.#step(watched, { type: 'tick', suspectsItself: this.#suspects });
      });
    });
  }

  #tell(watched: Watched, before: MonitorState): void {
    const { state, target } = watched;
    if (state.health === 'unknown') this.#tellWhyNotUp(watched);
    const isChange = state.health !== before.health || state.dead !== before.dead;
    if (!isChange && state.silent === before.silent) return;
    if (isChange) this.#logChange(target.id, before, state);
    this.#judgeTier();
    if (isChange) this.#options.onChange(healthOf(target.id, state), healthOf(target.id, before));
  }

  #logChange(id: string, before: MonitorState, state: MonitorState): void {
    const line = describeChange(id, before, state, this.#clock.now());
    if (state.health === 'up') this.#options.log.info({ target: id }, line);
    else this.#options.log.warn({ target: id }, line);
  }

  #tellWhyNotUp(watched: Watched): void {
    const { target, state } = watched;
    const nowMs = this.#clock.now();
    if (state.lastFailure === '' || state.lastFailure === watched.told) return;
    if (nowMs - watched.toldMs < unknownLineMs) return;
    watched.told = state.lastFailure;
    watched.toldMs = nowMs;
    this.#options.log.info({ target: target.id }, `${target.id} is not up yet: ${state.lastFailure}`);
  }

  #judgeTier(): void {
    const asked = [...this.#watched.values()].filter(({ probe }) => probe !== undefined);
    const suspects = suspectsItself(asked.map(({ state }) => state));
    if (suspects === this.#suspects) return;
    this.#suspects = suspects;
    if (suspects) {
      this.#options.log.error(
        'more than half of the targets fell silent together: the fault may be this node or its network; established connections are left alone',
      );
    } else {
      this.#options.log.error(
        'no more than half of the targets are silent any more: this node trusts itself again',
      );
    }
  }
}

function sameProbe(one: TargetProbe, other: TargetProbe): boolean {
  if (one.kind !== other.kind) return false;
  if (one.kind === 'off' || other.kind === 'off') return true;
  if (one.endpoint.host !== other.endpoint.host || one.endpoint.port !== other.endpoint.port) return false;
  if (one.kind === 'headgate' && other.kind === 'headgate') return one.node === other.node;
  if (one.kind !== 'tcp' || other.kind !== 'tcp') return true;
  return one.send === other.send && one.expect === other.expect;
}

function describeChange(id: string, before: MonitorState, state: MonitorState, nowMs: number): string {
  if (state.health === 'up') return `${id} is up`;
  if (before.health === 'down') {
    const byTime = `down for ${Math.round(nowMs - state.sinceMs)} ms`;
    return `${id} is dead: ${state.lost ? state.lastFailure : byTime}`;
  }
  const cause = state.silent ? `${state.misses} misses (${state.lastFailure})` : state.lastFailure;
  return state.dead ? `${id} is down and dead: ${cause}` : `${id} is down: ${cause}`;
}
