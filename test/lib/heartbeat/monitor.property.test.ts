/** The monitor against a slow, naive reference, over arbitrary sequences. */
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { HeartbeatSettings } from '../../../lib/heartbeat/index.ts';
import {
  next,
  unknownTarget,
  type MonitorEvent,
  type MonitorState,
  type Send,
} from '../../../lib/heartbeat/monitor.ts';

const reply = { services: {}, connections: 0, topology: '' };

/** What may happen; numbers pick how far time moves, how late a tick is, or how old an answer or connection is. */
type Happening =
  | { readonly what: 'time'; readonly part: number }
  | { readonly what: 'late-tick'; readonly part: number }
  | { readonly what: 'good' | 'refused' | 'failed' | 'closed'; readonly back: number }
  | { readonly what: 'probe-now' }
  | { readonly what: 'suspicion'; readonly on: boolean };

/** Evenly spread; fc.double would give mostly numbers next to zero. */
function fraction(most: number): fc.Arbitrary<number> {
  return fc.integer({ min: 0, max: most * 1_000 }).map((thousandths) => thousandths / 1_000);
}

const age = fc.oneof(
  { weight: 5, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }) },
);
const happenings: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant('time' as const),
      part: fraction(1.6),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      what: fc.constant('late-tick' as const),
      part: fraction(3),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      what: fc.constantFrom(
        'good' as const,
        'good' as const,
        'good' as const,
        'refused' as const,
        'failed' as const,
        'closed' as const,
      ),
      back: age,
    }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('probe-now' as const) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('suspicion' as const), on: fc.boolean() }) },
);
const someSettings: fc.Arbitrary<HeartbeatSettings> = fc.record({
  intervalMs: fc.constantFrom(50, 200, 1_000, 5_000),
  misses: fc.integer({ min: 1, max: 4 }),
  rises: fc.integer({ min: 1, max: 3 }),
  deadAfterMs: fc.constantFrom(0, 1_000, 3_000, 10_000),
});

/** One entry of what the reference remembers: everything, for ever. */
type Entry =
  | { readonly kind: 'good' | 'miss' | 'refused' | 'lost'; readonly atMs: number }
  | { readonly kind: 'late'; readonly atMs: number; readonly byMs: number }
  | { readonly kind: 'suspicion' | 'dead'; readonly atMs: number };

/**
 * Written from the rules of docs/design.md: it keeps the whole history and asks it anew each time. Health is defined
 * by what the history ends with, not by counters.
 */
class Reference {
  readonly history: Entry[] = [];
  asked: { beat: number; atMs: number; answered: boolean } | undefined;
  connection = 0;
  beats = 0;
  dueMs = 0;
  roundReconnects = 0;
  readonly settings: HeartbeatSettings;

  constructor(settings: HeartbeatSettings) {
    this.settings = settings;
  }

  health(history: readonly Entry[] = this.history): 'unknown' | 'up' | 'down' {
    const ends = history.filter(({ kind }) => kind !== 'late' && kind !== 'suspicion' && kind !== 'dead');
    const last = ends.at(-1);
    if (last === undefined || !ends.some(({ kind }) => kind === 'good')) return 'unknown';
    if (ends.filter(({ kind }) => kind === 'good').length === 1 && last.kind === 'good') return 'up';
    if (last.kind === 'refused') return 'down';
    if (last.kind === 'miss' && this.missesOf(ends) >= this.settings.misses) return 'down';
    if (
      ends.slice(-this.settings.rises).every(({ kind }) => kind === 'good') &&
      ends.length >= this.settings.rises
    )
      return 'up';
    return this.health(ends.slice(0, -1));
  }

  missesOf(history: readonly Entry[] = this.history): number {
    const since = history.findLastIndex(({ kind }) => kind === 'good');
    return history.slice(since + 1).filter(({ kind }) => kind === 'miss').length;
  }

  /** Index of the entry by which it went down last. */
  wentDown(): number {
    for (let length = this.history.length; length > 0; length -= 1) {
      if (
        this.health(this.history.slice(0, length - 1)) === 'up' &&
        this.health(this.history.slice(0, length)) === 'down'
      ) {
        return length - 1;
      }
    }
    return -1;
  }

  dead(): boolean {
    if (this.health() !== 'down') return false;
    const start = this.wentDown();
    const lastGoodBefore = (index: number): number =>
      this.history.slice(0, index).findLastIndex(({ kind }) => kind === 'good');
    return this.history.some((entry, index) => {
      if (index < start) return false;
      if (entry.kind === 'dead') return true;
      return (
        entry.kind === 'refused' &&
        this.history.slice(lastGoodBefore(index) + 1, index).some(({ kind }) => kind === 'lost')
      );
    });
  }

  /** Milliseconds that count towards dead. */
  downForMs(nowMs: number): number {
    const down = this.wentDown();
    const suspicion = this.history.findLastIndex(({ kind }) => kind === 'suspicion');
    const from = Math.max(down, suspicion);
    const slept = this.history
      .slice(from + 1)
      .reduce((sum, entry) => sum + (entry.kind === 'late' ? entry.byMs : 0), 0);
    return nowMs - this.history[from]!.atMs - slept;
  }

  ask(nowMs: number, dueMs: number): Send {
    this.beats += 1;
    const fresh = this.connection === 0;
    if (fresh) this.connection = this.beats;
    this.asked = { beat: this.beats, atMs: nowMs, answered: false };
    this.dueMs = dueMs;
    return { beat: this.beats, connection: this.connection, fresh };
  }

  get waiting(): boolean {
    return this.asked !== undefined && !this.asked.answered;
  }

  giveUp(): void {
    this.connection = 0;
    if (this.asked !== undefined) this.asked.answered = true;
  }

  on(event: MonitorEvent, nowMs: number): Send | undefined {
    const { intervalMs, deadAfterMs } = this.settings;
    const health = this.health();
    const retryAtMs = Math.max(nowMs, (this.asked?.atMs ?? 0) + Math.min(100, intervalMs));
    switch (event.type) {
      case 'tick': {
        this.roundReconnects = 0;
        if (health === 'unknown') {
          this.giveUp();
          return this.ask(nowMs, nowMs + Math.min(500, intervalMs));
        }
        const byMs = nowMs - this.dueMs;
        const late = byMs > intervalMs / 2;
        if (event.suspectsItself) this.history.push({ kind: 'suspicion', atMs: nowMs });
        else if (late) this.history.push({ kind: 'late', atMs: nowMs, byMs });
        if (this.waiting && late) {
          this.dueMs = nowMs + intervalMs;
          return undefined;
        }
        if (this.waiting) {
          this.history.push({ kind: 'miss', atMs: nowMs });
          this.giveUp();
        }
        const ends = this.history.filter(
          ({ kind }) => kind === 'good' || kind === 'miss' || kind === 'refused' || kind === 'lost',
        );
        if (
          this.health() === 'down' &&
          ends.at(-1)?.kind !== 'good' &&
          this.downForMs(nowMs) >= deadAfterMs
        ) {
          this.history.push({ kind: 'dead', atMs: nowMs });
        }
        return this.ask(nowMs, late ? nowMs + intervalMs : this.dueMs + intervalMs);
      }
      case 'good':
      case 'refused':
      case 'failed': {
        if (!this.waiting || this.asked?.beat !== event.beat) return undefined;
        this.asked.answered = true;
        if (event.type === 'good') {
          this.history.push({ kind: 'good', atMs: nowMs });
          if (health === 'unknown') this.dueMs = Math.max(nowMs, this.asked.atMs + intervalMs);
          return undefined;
        }
        this.giveUp();
        if (health === 'unknown') this.dueMs = retryAtMs;
        else this.history.push({ kind: event.type === 'failed' ? 'miss' : 'refused', atMs: nowMs });
        return undefined;
      }
      case 'closed': {
        if (event.connection === 0 || event.connection !== this.connection) return undefined;
        const wasWaiting = this.waiting;
        this.giveUp();
        if (health === 'unknown') {
          this.dueMs = retryAtMs;
          return undefined;
        }
        this.history.push({ kind: 'lost', atMs: nowMs });
        if (health === 'down') return undefined;
        if (this.roundReconnects < 3) {
          this.roundReconnects += 1;
          return this.ask(nowMs, nowMs + intervalMs);
        }
        if (wasWaiting) this.history.push({ kind: 'miss', atMs: nowMs });
        return undefined;
      }
      case 'probe-now': {
        const pause = nowMs - (this.asked?.atMs ?? 0);
        if (health !== 'up' || this.waiting || this.missesOf() > 0 || pause < Math.min(100, intervalMs))
          return undefined;
        this.roundReconnects = 0;
        return this.ask(nowMs, nowMs + intervalMs);
      }
      default:
        throw new Error(`the reference knows no ${event.type}`);
    }
  }
}

/** Rules that hold whatever happens, looked at one step at a time. */
class Invariants {
  readonly #t: ExecutionContext;
  readonly #settings: HeartbeatSettings;
  #missesInARow = 0;
  #goodsInARow = 0;

  constructor(t: ExecutionContext, settings: HeartbeatSettings) {
    this.#t = t;
    this.#settings = settings;
  }

  check(before: MonitorState, event: MonitorEvent, after: MonitorState, send: Send | undefined): void {
    const t = this.#t;
    const counted = 'beat' in event && before.outstanding && event.beat === before.beat;
    if (counted && event.type === 'good') {
      this.#goodsInARow += 1;
      this.#missesInARow = 0;
    } else if (counted || after.misses > before.misses) {
      this.#goodsInARow = 0;
      if (after.misses > before.misses) this.#missesInARow += 1;
    }
    if (before.health === 'up' && after.health === 'down' && event.type !== 'refused') {
      t.true(this.#missesInARow >= this.#settings.misses, 'up to down by silence needs all misses, in a row');
    }
    if (before.health === 'down' && after.health === 'up') {
      t.true(counted && this.#goodsInARow >= this.#settings.rises, 'down to up needs all rises, in a row');
    }
    t.false(before.health !== 'unknown' && after.health === 'unknown', 'nothing becomes unknown again');
    t.false(before.health === 'unknown' && after.health === 'down', 'unknown does not become down');
    t.false(after.dead && after.health !== 'down', 'dead is always down');
    t.false(
      before.outstanding && send !== undefined && !send.fresh,
      'a beat still outstanding is given up with its connection',
    );
    t.false(
      after.misses > before.misses && after.connection !== 0 && send?.fresh !== true,
      'after a miss the connection is fresh',
    );
    if (send !== undefined) t.deepEqual([send.beat, after.outstanding], [before.beat + 1, true]);
  }
}

function eventOf(happening: Happening, state: MonitorState): MonitorEvent | undefined {
  switch (happening.what) {
    case 'good':
      return { type: 'good', beat: state.beat - happening.back, reply };
    case 'refused':
    case 'failed':
      return { type: happening.what, beat: state.beat - happening.back, why: happening.what };
    case 'closed':
      return { type: 'closed', connection: state.connection - happening.back, why: 'closed' };
    case 'probe-now':
      return { type: 'probe-now' };
    default:
      return undefined;
  }
}

test('the monitor agrees with the reference and keeps its invariants, whatever happens', (t) => {
  const seen = { up: 0, down: 0, dead: 0, back: 0 };
  fc.assert(
    fc.property(
      someSettings,
      fc.array(happenings, { minLength: 10, maxLength: 80, size: 'max' }),
      (settings, sequence) => {
        const reference = new Reference(settings);
        const invariants = new Invariants(t, settings);
        let state = unknownTarget(0);
        let nowMs = 0;
        let suspectsItself = false;
        const apply = (event: MonitorEvent): void => {
          const before = state;
          const step = next(before, event, nowMs, settings);
          state = step.state;
          const send = reference.on(event, nowMs);
          invariants.check(before, event, state, step.send);
          t.deepEqual(step.send, send);
          t.deepEqual(
            [state.health, state.misses, state.dead, state.dueMs, state.outstanding, state.connection],
            [
              reference.health(),
              reference.missesOf(),
              reference.dead(),
              reference.dueMs,
              reference.waiting,
              reference.connection,
            ],
          );
          if (before.health !== state.health)
            seen[state.health === 'up' ? (before.health === 'down' ? 'back' : 'up') : 'down'] += 1;
          if (state.dead && !before.dead) seen.dead += 1;
        };
        apply({ type: 'tick', suspectsItself });
        for (const happening of sequence) {
          if (happening.what === 'suspicion') suspectsItself = happening.on;
          else if (happening.what === 'time') {
            const endMs = nowMs + Math.round(happening.part * settings.intervalMs);
            while (state.dueMs <= endMs) {
              nowMs = Math.max(nowMs, state.dueMs);
              apply({ type: 'tick', suspectsItself });
            }
            nowMs = endMs;
          } else if (happening.what === 'late-tick') {
            nowMs = Math.max(nowMs, state.dueMs + Math.round(happening.part * settings.intervalMs));
            apply({ type: 'tick', suspectsItself });
          } else apply(eventOf(happening, state)!);
        }
      },
    ),
    { numRuns: 300 },
  );
  // The sequences must reach what they are to test.
  t.true(
    Object.values(seen).every((count) => count > 5),
    JSON.stringify(seen),
  );
});

test('a target that falls silent is down after all its misses and less than one interval more', (t) => {
  fc.assert(
    fc.property(someSettings, fc.integer({ min: 1, max: 5 }), fraction(0.999), (settings, answered, part) => {
      let state = unknownTarget(0);
      let nowMs = 0;
      const apply = (event: MonitorEvent): void => void ({ state } = next(state, event, nowMs, settings));
      apply({ type: 'tick', suspectsItself: false });
      for (let beat = 1; beat <= answered; beat += 1) {
        if (beat > 1) {
          nowMs = state.dueMs;
          apply({ type: 'tick', suspectsItself: false });
        }
        apply({ type: 'good', beat, reply });
      }
      // Silent from some moment before the next beat.
      const silentFromMs = nowMs + part * settings.intervalMs;
      while (state.health === 'up') {
        nowMs = state.dueMs;
        apply({ type: 'tick', suspectsItself: false });
      }
      const tookMs = nowMs - silentFromMs;
      t.true(tookMs > settings.misses * settings.intervalMs - 1e-6, `${tookMs} ms is too soon`);
      t.true(tookMs <= (settings.misses + 1) * settings.intervalMs, `${tookMs} ms is too late`);
    }),
  );
});
