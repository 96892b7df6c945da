import type { Send } from './monitor.ts';
import type { HeartbeatReply } from './types.ts';

/** What a probe tells of its target; the monitor takes these as events. */
export type ProbeEvent =
  /** `reply` is null when the target does not speak the heartbeat. */
  | { readonly type: 'good'; readonly beat: number; readonly reply: HeartbeatReply | null }
  /** Nothing listens there, or another node does. */
  | { readonly type: 'refused'; readonly beat: number; readonly why: string }
  | { readonly type: 'failed'; readonly beat: number; readonly why: string }
  | { readonly type: 'closed'; readonly connection: number; readonly why: string }
  | { readonly type: 'announced'; readonly connection: number; readonly reply: HeartbeatReply };

/** Asks one target. Reports to the function it was made with, never in the call of `beat` itself. */
export interface Probe {
  /** Asks once. A beat that was still under way is given up, and reports no more. */
  beat(send: Send): void;
  /** Ends everything; nothing is reported after it. Idempotent. */
  close(): void;
}

/**
 * Bound for one question, milliseconds. The monitor judges by its interval and gives a question up with the next
 * beat; this only ends what is left when it never asks again.
 */
export const questionMs = 60_000;
