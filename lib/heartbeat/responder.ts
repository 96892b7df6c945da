/** Answers beats, and tells those who beat when the answer changes. */
import { systemClock, type Clock, type Timer } from '../clock/index.ts';
import type { ControlPeer, ControlServer } from '../control/index.ts';
import { readForwards, type Forwards } from './forwards.ts';
import { hearGeneration, withGeneration, type Generations } from './generations.ts';
import { announceMethod, heartbeatMethod, replyBody } from './reply.ts';
import type { HeartbeatReply } from './types.ts';

export interface ResponderOptions {
  /** Gets a handler for the beat. */
  readonly server: ControlServer;
  /** The present state of this node. Called for each beat and announcement; must be cheap. */
  readonly reply: () => HeartbeatReply;
  /** The heartbeat interval at present, milliseconds. */
  readonly intervalMs: () => number;
  readonly clock?: Clock;
  /** Hears which generation those who beat run, and tells them ours. */
  readonly generations?: Generations;
  /** Hears in which way a node that beats forwards each service now; of those that tell. */
  readonly onForwards?: (node: string, forwards: Forwards) => void;
}

export interface Responder {
  /** Tells the present state at once to everybody who beats. Call it when something changed that they must know. */
  announce(): void;
  /**
   * Resolves with true when everybody who beat within the last three intervals has been handed the state of the
   * latest `announce`, with false when that takes longer than `timeoutMs`.
   */
  whenTold(timeoutMs: number): Promise<boolean>;
  /** Who beats at present: names of nodes, each once. */
  beatingNodes(): readonly string[];
  close(): void;
}

/** Connections that are told of changes; more beat without being told. The control server allows no more either. */
const mostBeating = 1_024;
/** A node that has not beaten for so many intervals watches us no more. */
const forgottenAfterIntervals = 3;

interface Beating {
  readonly peer: ControlPeer;
  lastBeatMs: number;
  /** Number of the latest announcement that was handed over. */
  told: number;
  /** An announcement is on its way; another follows it when needed, so at most one waits. */
  underWay: boolean;
}

export function createResponder(options: ResponderOptions): Responder {
  return new BeatResponder(options);
}

class BeatResponder implements Responder {
  readonly #options: ResponderOptions;
  readonly #clock: Clock;
  readonly #beating = new Map<number, Beating>();
  readonly #waiting = new Set<() => void>();
  #announcement = 0;
  #closed = false;

  constructor(options: ResponderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    options.server.handle(heartbeatMethod, (body, peer) => {
      this.#beat(peer);
      hearGeneration(body, { node: peer.identity.node }, options.generations);
      const forwards = readForwards(body);
      if (forwards !== undefined) options.onForwards?.(peer.identity.node, forwards);
      return withGeneration(replyBody(options.reply()), options.generations);
    });
  }

  announce(): void {
    this.#announcement += 1;
    for (const beating of this.#beating.values()) this.#push(beating);
  }

  async whenTold(timeoutMs: number): Promise<boolean> {
    if (this.#allTold()) return true;
    return new Promise((resolve) => {
      const timers: Timer[] = [];
      const settle = (told: boolean): void => {
        for (const timer of timers) timer.cancel();
        this.#waiting.delete(check);
        resolve(told);
      };
      const check = (): void => {
        if (this.#closed || this.#allTold()) settle(!this.#closed);
      };
      this.#waiting.add(check);
      timers.push(this.#clock.after(timeoutMs, () => settle(this.#allTold())));
      // Whoever stops beating is not waited for any longer; nothing else would say so.
      timers.push(this.#clock.after(forgottenAfterIntervals * this.#options.intervalMs() + 1, check));
    });
  }

  beatingNodes(): readonly string[] {
    return [...new Set(this.#present().map(({ peer }) => peer.identity.node))];
  }

  close(): void {
    this.#closed = true;
    this.#beating.clear();
    this.#recheck();
  }

  #beat(peer: ControlPeer): void {
    if (this.#closed) return;
    const known = this.#beating.get(peer.id);
    if (known !== undefined) {
      known.lastBeatMs = this.#clock.now();
      // The last announcement found its queue full.
      if (known.told < this.#announcement) this.#push(known);
      return;
    }
    if (this.#beating.size >= mostBeating) return;
    const told = this.#announcement;
    this.#beating.set(peer.id, { peer, lastBeatMs: this.#clock.now(), told, underWay: false });
    peer.onClose(() => {
      this.#beating.delete(peer.id);
      this.#recheck();
    });
  }

  #push(beating: Beating): void {
    if (beating.underWay) return;
    const announcement = this.#announcement;
    beating.underWay = beating.peer.notify(announceMethod, replyBody(this.#options.reply()), () => {
      beating.underWay = false;
      beating.told = announcement;
      if (announcement < this.#announcement) this.#push(beating);
      else this.#recheck();
    });
  }

  #present(): Beating[] {
    const oldestMs = this.#clock.now() - forgottenAfterIntervals * this.#options.intervalMs();
    return [...this.#beating.values()].filter(({ lastBeatMs }) => lastBeatMs >= oldestMs);
  }

  #allTold(): boolean {
    return this.#present().every(({ told }) => told >= this.#announcement);
  }

  #recheck(): void {
    for (const check of this.#waiting) check();
  }
}
