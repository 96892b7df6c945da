import type { Logger } from 'pino';
import { every, type Clock, type Timer } from '../lib/clock/index.ts';
import { checkWorkerMessage } from './check-worker-message.ts';
import { RespawnDelay } from './respawn-delay.ts';
import { WorkerBeat } from './worker-beat.ts';
import type { SpawnWorker, WorkerProcess } from './worker-process.ts';
import type {
  WorkerRequest,
  ToWorker,
  WorkerApplied,
  WorkerConfig,
  WorkerReport,
  WorkerStart,
} from './worker-protocol.ts';

/** Longest a worker may take from its start to its first listener. */
const startTimeoutMs = 30_000;
/** How long dismissed workers may take to leave; one that is killed instead ends its clients with FIN. */
const farewellMs = 5_000;

/** How workers are beaten. */
export interface BeatSettings {
  readonly intervalMs: number;
  /** So many in a row, and the worker gets nothing new until it answers. */
  readonly misses: number;
  /** Silence after which it is killed: before, it may be busy, and thousands live in it. */
  readonly deadAfterMs: number;
}

/** One worker; its `id` is never used again. */
export interface FleetMember {
  readonly id: number;
  /** From 0; its successor gets it again. */
  readonly place: number;
  readonly pid: number;
  readonly misses: number;
  /** The last report; undefined before the first. */
  readonly report: WorkerReport | undefined;
  /** The last config it took over; undefined before the first. */
  readonly applied: WorkerApplied | undefined;
}

/** What a fleet tells its owner. */
export interface FleetEvents {
  /** Answers a batch of picks: pairs of request and upstream id laid end to end. */
  requests(member: FleetMember, requests: readonly WorkerRequest[]): readonly number[];
  report(member: FleetMember, report: WorkerReport): void;
  /** A frame of a worker's flow reports; false when it was not understood. */
  flows(member: FleetMember, frame: unknown): boolean;
  applied(member: FleetMember, applied: WorkerApplied): void;
  /** The worker has missed too many beats; what it is told when it answers again is the config. */
  silent(member: FleetMember): void;
  /** The worker and its connections are gone; `served`: it had taken over a config before. */
  gone(member: FleetMember, served: boolean): void;
}

/** Each counts from start. */
export interface FleetStats {
  /** Workers that ended by themselves or by somebody else's hand. Not expected. */
  workersDied: number;
  /** Times that a worker missed too many beats, whether it answered later or was killed. Not expected. */
  workersSilent: number;
  /** Workers killed because they did not answer. Not expected. */
  workersStuck: number;
  /** Messages of workers that were not understood and dropped. Not expected. */
  badWorkerMessages: number;
}

export interface FleetOptions {
  readonly size: number;
  readonly spawn: SpawnWorker;
  readonly start: Omit<WorkerStart, 'place'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly beat: BeatSettings;
  readonly events: FleetEvents;
}

interface Member {
  readonly id: number;
  readonly place: number;
  readonly pid: number;
  readonly process: WorkerProcess;
  readonly respawn: RespawnDelay;
  readonly bornMs: number;
  readonly beat: WorkerBeat;
  misses: number;
  report: WorkerReport | undefined;
  applied: WorkerApplied | undefined;
  /** It gets nothing new until it answers. */
  silent: boolean;
  /** Killed, but not gone yet. */
  doomed: boolean;
}

/** A fixed number of workers: started, told the config, beaten, and replaced when they die or hang. */
export class WorkerFleet {
  readonly stats: FleetStats = { workersDied: 0, workersSilent: 0, workersStuck: 0, badWorkerMessages: 0 };
  readonly #options: FleetOptions;
  readonly #members = new Map<number, Member>();
  readonly #respawns = new Set<Timer>();
  #config: WorkerConfig;
  #beat: BeatSettings;
  #beating: Timer;
  #lastBeatMs: number;
  #nextId = 1;
  #closed = false;
  #allGone: () => void = () => {};

  constructor(options: FleetOptions, config: WorkerConfig) {
    this.#options = options;
    this.#config = config;
    this.#beat = options.beat;
    this.#lastBeatMs = options.clock.now();
    this.#beating = this.#startBeating();
    for (let place = 0; place < options.size; place++) this.#spawn(place, new RespawnDelay());
  }

  /** Sends a config to every worker, and to those that come later. */
  publish(config: WorkerConfig): void {
    this.#config = config;
    this.broadcast({ kind: 'config', config });
  }

  /** To the worker at a place, when there is one. */
  tell(place: number, message: ToWorker): void {
    for (const member of this.#members.values()) if (member.place === place) member.process.send(message);
  }

  broadcast(message: ToWorker): void {
    for (const { process } of this.#members.values()) process.send(message);
  }

  setBeat(beat: BeatSettings): void {
    const isSame = beat.intervalMs === this.#beat.intervalMs;
    this.#beat = beat;
    if (isSame) return;
    this.#beating.cancel();
    this.#beating = this.#startBeating();
  }

  /** The workers that live now. */
  members(): readonly FleetMember[] {
    return [...this.#members.values()];
  }

  /** Whether every worker runs the config of this revision or a later one, and none is missing. */
  hasApplied(revision: number): boolean {
    const behind = this.members().some(({ applied }) => (applied?.revision ?? 0) < revision);
    return !behind && this.#respawns.size === 0;
  }

  /** Dismisses all workers; resolves when the last one is gone. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#beating.cancel();
    for (const timer of this.#respawns) timer.cancel();
    if (this.#members.size === 0) return;
    const gone = new Promise<void>((resolve) => (this.#allGone = resolve));
    for (const { process } of this.#members.values()) process.dismiss();
    const impatience = this.#options.clock.after(farewellMs, () => {
      for (const { process } of this.#members.values()) process.kill();
    });
    await gone;
    impatience.cancel();
  }

  #startBeating(): Timer {
    this.#lastBeatMs = this.#options.clock.now();
    return every(this.#options.clock, this.#beat.intervalMs, () => this.#beatAll(), true);
  }

  #spawn(place: number, respawn: RespawnDelay): void {
    const { spawn, clock, start, log } = this.#options;
    const process = spawn();
    const id = this.#nextId++;
    const member: Member = {
      id,
      place,
      pid: process.pid,
      process,
      respawn,
      bornMs: clock.now(),
      beat: new WorkerBeat(),
      misses: 0,
      report: undefined,
      applied: undefined,
      silent: false,
      doomed: false,
    };
    this.#members.set(id, member);
    process.onMessage((message) => this.#receive(member, message));
    process.onExit((why) => this.#exited(member, why));
    process.send({ kind: 'start', start: { ...start, place } });
    process.send({ kind: 'config', config: this.#config });
    log.debug({ worker: process.pid }, 'worker started');
  }

  #receive(member: Member, message: unknown): void {
    const { events, log } = this.#options;
    const checked = checkWorkerMessage(message);
    if (checked === undefined || (checked.kind === 'flows' && !events.flows(member, checked.frame))) {
      if (this.stats.badWorkerMessages++ === 0)
        log.error({ worker: member.pid }, 'a worker sent nonsense; dropped');
    } else if (checked.kind === 'requests') {
      const answers = events.requests(member, checked.requests);
      if (answers.length > 0) member.process.send({ kind: 'answers', answers });
    } else if (checked.kind === 'pong') {
      member.beat.pong(checked.beat);
      member.misses = member.beat.misses;
      if (member.silent) this.#answersAgain(member);
    } else if (checked.kind === 'report') {
      member.report = checked;
      events.report(member, checked);
    } else if (checked.kind === 'applied') {
      member.applied = checked;
      events.applied(member, checked);
    }
  }

  /** Workers that still start are not beaten; they have a longer time of their own. */
  #beatAll(): void {
    const { clock, log } = this.#options;
    const now = clock.now();
    const { intervalMs, misses, deadAfterMs } = this.#beat;
    const deadMisses = Math.max(misses, Math.ceil(deadAfterMs / intervalMs));
    const sinceMs = now - this.#lastBeatMs;
    // The round after a late one comes right behind it; nobody could have answered in between.
    if (sinceMs < intervalMs / 2) return;
    const late = sinceMs > intervalMs * 1.5;
    this.#lastBeatMs = now;
    for (const member of this.#members.values()) {
      if (member.doomed) continue;
      const starting = member.applied === undefined;
      const hopeless = starting && now - member.bornMs > startTimeoutMs;
      if (starting && !hopeless) continue;
      const verdict = hopeless ? 'kill' : member.beat.due(deadMisses, late);
      member.misses = member.beat.misses;
      if (verdict === 'ping') {
        if (member.misses >= misses && !member.silent) this.#fallsSilent(member);
        member.process.send({ kind: 'ping', beat: member.beat.beat });
      } else {
        this.stats.workersStuck++;
        log.error({ worker: member.pid, misses: member.misses }, 'worker does not answer; killing it');
        member.doomed = true;
        member.process.kill();
      }
    }
  }

  #fallsSilent(member: Member): void {
    const { events, log } = this.#options;
    member.silent = true;
    this.stats.workersSilent++;
    log.warn(
      { worker: member.pid, misses: member.misses },
      'worker does not answer: nothing new for it, and when it stays silent it is killed',
    );
    events.silent(member);
  }

  #answersAgain(member: Member): void {
    member.silent = false;
    this.#options.log.info({ worker: member.pid }, 'worker answers again');
    member.process.send({ kind: 'config', config: this.#config });
  }

  #exited(member: Member, why: string): void {
    const { events, log, clock } = this.#options;
    this.#members.delete(member.id);
    events.gone(member, member.applied !== undefined);
    if (this.#closed) {
      if (this.#members.size === 0) this.#allGone();
      return;
    }
    this.stats.workersDied++;
    const facts = { worker: member.pid, connections: member.report?.connections ?? 0 };
    if (!this.#config.accepting) {
      log.error(facts, `worker ended (${why}); its connections are lost`);
      return;
    }
    const delayMs = member.respawn.next(clock.now() - member.bornMs);
    log.error(
      { ...facts, replacedInMs: delayMs },
      `worker ended (${why}); its connections are lost, another takes its place`,
    );
    const timer = clock.after(delayMs, () => {
      this.#respawns.delete(timer);
      this.#spawn(member.place, member.respawn);
    });
    this.#respawns.add(timer);
  }
}
