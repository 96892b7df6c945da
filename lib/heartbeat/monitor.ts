import type { HealthState, HeartbeatReply, HeartbeatSettings, TargetHealth } from './types.ts';

/** While UNKNOWN a target is tried this often, milliseconds: a node that has just begun to listen is used at once. */
export const unknownRetryMs = 100;
/**
 * An unanswered try of an UNKNOWN target is given up after this, milliseconds (or one interval, if that is less).
 * Half of the second in which a new node must be in use, and room for a handshake of five round trips.
 */
export const unknownPatienceMs = 500;
/** At-once reconnects per round; a target that accepts and closes again and again is then left alone until the next. */
export const reconnectsPerRound = 3;

/**
 * What the monitor knows of one target. Immutable; `next` makes the following one.
 *
 * A *beat* is one question, numbered from 1, at most one of them outstanding. A beat goes over the connection that is
 * there or opens one; a connection has the number of the beat that opened it. A *round* lasts from one tick to the
 * next, which is due one interval later.
 *
 * ```
 *            good beat                      misses in a row, or refused
 *  UNKNOWN ─────────────► UP ───────────────────────────────────────────► DOWN ──► dead: refused after a close,
 *  (every 100 ms)         ▲                                                │       or DOWN for deadAfterMs
 *                         └────────────────────────────────────────────────┘
 *                                 `rises` good beats in a row
 * ```
 *
 * | event | UNKNOWN | UP | DOWN |
 * |---|---|---|---|
 * | tick, nothing outstanding | next beat | next beat | next beat |
 * | tick, beat outstanding | next beat, fresh connection | miss; next beat, fresh connection | the same |
 * | tick more than half an interval late, beat outstanding | as above | no miss; waits one more round | the same |
 * | good | UP | misses := 0 | UP after `rises` in a row |
 * | refused | again in 100 ms | DOWN; dead when the connection had been closed | dead when it had been closed |
 * | failed | again in 100 ms | miss | miss |
 * | closed by the other end | again in 100 ms | reconnects and beats at once; the fourth time in a round: miss, if a beat was outstanding | next beat opens another |
 *
 * Refused: nothing listens there, or another node does. Either way the process that was there is gone.
 *
 * Events of a beat that is not outstanding any more, or of a connection given up, change nothing: an answer that
 * comes late is not good. Time towards dead does not count while the monitor was late, while it suspects itself
 * (self-suspicion.ts), or while the target answers.
 */
export interface MonitorState {
  readonly health: HealthState;
  /** Consecutive misses. */
  readonly misses: number;
  /** Consecutive good beats while DOWN. */
  readonly goods: number;
  readonly dead: boolean;
  readonly sinceMs: number;
  /** From when the time towards dead counts. */
  readonly deadFromMs: number;
  /** DOWN by misses, and never refused since. */
  readonly silent: boolean;
  /** The other end closed the connection, and no beat was good since. */
  readonly lost: boolean;
  /** Number of the newest beat. */
  readonly beat: number;
  readonly beatMs: number;
  readonly outstanding: boolean;
  /** Number of the connection in use; 0 when there is none. */
  readonly connection: number;
  /** At-once reconnects in this round. */
  readonly reconnects: number;
  /** When the next tick is due. */
  readonly dueMs: number;
  readonly reply: HeartbeatReply | null;
  readonly lastFailure: string;
}

export type MonitorEvent =
  | { readonly type: 'tick'; readonly suspectsItself: boolean }
  | { readonly type: 'good'; readonly beat: number; readonly reply: HeartbeatReply | null }
  | { readonly type: 'refused'; readonly beat: number; readonly why: string }
  | { readonly type: 'failed'; readonly beat: number; readonly why: string }
  /** By the other end; not when we gave the connection up. */
  | { readonly type: 'closed'; readonly connection: number; readonly why: string }
  /** The target told its state without being asked. */
  | { readonly type: 'announced'; readonly connection: number; readonly reply: HeartbeatReply }
  /** Somebody saw the target fail. */
  | { readonly type: 'probe-now' }
  /** The settings changed. */
  | { readonly type: 'settings' };

/** A beat to send; `fresh`: give up the connection in use and open another. */
export interface Send {
  readonly beat: number;
  readonly connection: number;
  readonly fresh: boolean;
}

export interface Step {
  readonly state: MonitorState;
  readonly send: Send | undefined;
}

/** The state before the first tick, which is due at once. */
export function unknownTarget(nowMs: number): MonitorState {
  return {
    health: 'unknown',
    misses: 0,
    goods: 0,
    dead: false,
    sinceMs: nowMs,
    deadFromMs: nowMs,
    silent: false,
    lost: false,
    beat: 0,
    beatMs: nowMs,
    outstanding: false,
    connection: 0,
    reconnects: 0,
    dueMs: nowMs,
    reply: null,
    lastFailure: '',
  };
}

/** What follows from an event at `nowMs`. Pure. */
export function next(
  state: MonitorState,
  event: MonitorEvent,
  nowMs: number,
  settings: HeartbeatSettings,
): Step {
  switch (event.type) {
    case 'tick':
      return tick(state, event.suspectsItself, nowMs, settings);
    case 'good':
      return isOutstanding(state, event.beat) ? stay(good(state, event.reply, nowMs, settings)) : stay(state);
    case 'refused':
      return isOutstanding(state, event.beat)
        ? stay(refused(state, event.why, nowMs, settings))
        : stay(state);
    case 'failed':
      return isOutstanding(state, event.beat) ? stay(failed(state, event.why, nowMs, settings)) : stay(state);
    case 'closed':
      return event.connection === state.connection && state.connection !== 0
        ? closed(state, event.why, nowMs, settings)
        : stay(state);
    case 'announced':
      return event.connection === state.connection ? stay({ ...state, reply: event.reply }) : stay(state);
    case 'probe-now':
      return probeNow(state, nowMs, settings);
    case 'settings':
      return stay({ ...state, dueMs: Math.min(state.dueMs, nowMs + settings.intervalMs) });
  }
}

/** What others may know of the state. */
export function healthOf(id: string, state: MonitorState): TargetHealth {
  const { health, misses, dead, sinceMs, reply, lastFailure } = state;
  return { id, state: health, misses, dead, sinceMs, reply, lastFailure };
}

function stay(state: MonitorState): Step {
  return { state, send: undefined };
}

function isOutstanding(state: MonitorState, beat: number): boolean {
  return state.outstanding && state.beat === beat;
}

function retryMs(settings: HeartbeatSettings): number {
  return Math.min(unknownRetryMs, settings.intervalMs);
}

function sendBeat(state: MonitorState, nowMs: number, dueMs: number): Step {
  const beat = state.beat + 1;
  const fresh = state.connection === 0;
  const connection = fresh ? beat : state.connection;
  return {
    state: { ...state, beat, beatMs: nowMs, outstanding: true, connection, dueMs },
    send: { beat, connection, fresh },
  };
}

function tick(
  before: MonitorState,
  suspectsItself: boolean,
  nowMs: number,
  settings: HeartbeatSettings,
): Step {
  const { intervalMs } = settings;
  if (before.health === 'unknown') {
    const patienceMs = Math.min(unknownPatienceMs, intervalMs);
    return sendBeat({ ...before, connection: 0, reconnects: 0 }, nowMs, nowMs + patienceMs);
  }
  const lateMs = nowMs - before.dueMs;
  const isLate = lateMs > intervalMs / 2;
  const deadFromMs = suspectsItself ? nowMs : before.deadFromMs + (isLate ? lateMs : 0);
  let state: MonitorState = { ...before, deadFromMs, reconnects: 0 };
  const dueMs = isLate ? nowMs + intervalMs : before.dueMs + intervalMs;
  // The answer may have come in time and just not been read.
  if (isLate && state.outstanding) return stay({ ...state, dueMs });
  if (state.outstanding) state = miss(state, `no answer within ${intervalMs} ms`, nowMs, settings);
  if (state.health === 'down' && state.goods === 0 && nowMs - state.deadFromMs >= settings.deadAfterMs) {
    state = { ...state, dead: true };
  }
  return sendBeat(state, nowMs, dueMs);
}

function good(
  state: MonitorState,
  reply: HeartbeatReply | null,
  nowMs: number,
  settings: HeartbeatSettings,
): MonitorState {
  const answered = { ...state, outstanding: false, lost: false, misses: 0, lastFailure: '', reply };
  if (state.health === 'up') return answered;
  const goods = state.goods + 1;
  if (state.health === 'down' && goods < settings.rises) return { ...answered, goods };
  const up: MonitorState = {
    ...answered,
    health: 'up',
    dead: false,
    silent: false,
    goods: 0,
    sinceMs: nowMs,
  };
  return state.health === 'unknown'
    ? { ...up, dueMs: Math.max(nowMs, state.beatMs + settings.intervalMs) }
    : up;
}

/** An UNKNOWN target stays so and is tried again soon. */
function tryAgain(
  state: MonitorState,
  why: string,
  nowMs: number,
  settings: HeartbeatSettings,
): MonitorState {
  const dueMs = Math.max(nowMs, state.beatMs + retryMs(settings));
  return { ...state, outstanding: false, connection: 0, lastFailure: why, dueMs };
}

function refused(state: MonitorState, why: string, nowMs: number, settings: HeartbeatSettings): MonitorState {
  if (state.health === 'unknown') return tryAgain(state, why, nowMs, settings);
  const down = state.health === 'up' ? toDown(state, nowMs) : state;
  return {
    ...down,
    outstanding: false,
    connection: 0,
    goods: 0,
    silent: false,
    dead: state.dead || state.lost,
    lastFailure: why,
  };
}

function failed(state: MonitorState, why: string, nowMs: number, settings: HeartbeatSettings): MonitorState {
  if (state.health === 'unknown') return tryAgain(state, why, nowMs, settings);
  return miss(state, why, nowMs, settings);
}

function miss(state: MonitorState, why: string, nowMs: number, settings: HeartbeatSettings): MonitorState {
  const misses = state.misses + 1;
  const missed = { ...state, misses, goods: 0, outstanding: false, connection: 0, lastFailure: why };
  if (state.health !== 'up' || misses < settings.misses) return missed;
  return { ...toDown(missed, nowMs), silent: true };
}

function toDown(state: MonitorState, nowMs: number): MonitorState {
  return { ...state, health: 'down', sinceMs: nowMs, deadFromMs: nowMs };
}

function closed(before: MonitorState, why: string, nowMs: number, settings: HeartbeatSettings): Step {
  const state: MonitorState = { ...before, outstanding: false, connection: 0, lost: true, lastFailure: why };
  if (state.health === 'unknown') return stay(tryAgain(state, why, nowMs, settings));
  if (state.health === 'down') return stay({ ...state, goods: 0 });
  if (state.reconnects < reconnectsPerRound) {
    return sendBeat({ ...state, reconnects: state.reconnects + 1 }, nowMs, nowMs + settings.intervalMs);
  }
  return stay(before.outstanding ? miss(state, why, nowMs, settings) : state);
}

/** Only when it can tell something new: with a miss on record the next beat is near and a fresh one at that. */
function probeNow(state: MonitorState, nowMs: number, settings: HeartbeatSettings): Step {
  const idle = state.health === 'up' && !state.outstanding && state.misses === 0;
  if (!idle || nowMs - state.beatMs < retryMs(settings)) return stay(state);
  return sendBeat({ ...state, reconnects: 0 }, nowMs, nowMs + settings.intervalMs);
}
