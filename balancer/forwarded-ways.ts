import type { Forwards, Way } from '../lib/heartbeat/index.ts';
import { partingMs } from './vip-needs.ts';

/** Most ways of one director that are remembered: all services of a topology many times over. */
const mostRemembered = 1_024;

interface Told {
  /** Its last word. */
  forwards: Forwards;
  atMs: number;
  /** `VIP way` → when it said so last. Oldest first. */
  readonly lately: Map<string, number>;
}

/** What directors have said about a VIP. */
export interface ToldWays {
  /** Their last words. */
  readonly now: ReadonlySet<Way>;
  /** These, and what they said within the last minute: what began so may be on its way. */
  readonly lately: ReadonlySet<Way>;
}

/**
 * In which ways the directors forward, as their beats say. One that is silent for a minute says nothing any more: it may
 * have been cut off, or start anew.
 */
export class ForwardedWays {
  /** By name of the director. */
  readonly #told = new Map<string, Told>();

  /** Only these directors count: who was removed takes nothing new. */
  apply(directors: readonly string[]): void {
    for (const name of this.#told.keys()) if (!directors.includes(name)) this.#told.delete(name);
    for (const name of directors) {
      if (!this.#told.has(name))
        this.#told.set(name, { forwards: new Map(), atMs: -Infinity, lately: new Map() });
    }
  }

  hear(director: string, forwards: Forwards, nowMs: number): void {
    const told = this.#told.get(director);
    if (told === undefined) return;
    told.forwards = forwards;
    told.atMs = nowMs;
    for (const [vip, way] of forwards) {
      told.lately.delete(`${vip} ${way}`);
      told.lately.set(`${vip} ${way}`, nowMs);
    }
    for (const [said, atMs] of told.lately) {
      if (told.lately.size <= mostRemembered && nowMs - atMs <= partingMs) break;
      told.lately.delete(said);
    }
  }

  of(vip: string, nowMs: number): ToldWays {
    const now = new Set<Way>();
    const lately = new Set<Way>();
    for (const told of this.#told.values()) {
      const way = told.forwards.get(vip);
      if (way !== undefined && nowMs - told.atMs <= partingMs) now.add(way);
      for (const [said, atMs] of told.lately) {
        const [at, once] = said.split(' ') as [string, Way];
        if (at === vip && nowMs - atMs <= partingMs) lately.add(once);
      }
    }
    return { now, lately };
  }
}
