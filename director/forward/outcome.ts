import type { Counter } from './counters.ts';
import type { Verdict } from './numbers.ts';
import type { FlowChange } from './state.ts';

/** What becomes of a packet, and why. */
export interface Outcome {
  readonly verdict: Verdict;
  /** The frame afterwards; as it came unless the verdict is `tx`. */
  readonly packet: Uint8Array;
  readonly counter: Counter;
  readonly changes: readonly FlowChange[];
  /** Where it was forwarded to, by index; the kernel counts packets and bytes of both. */
  readonly to?: { readonly service: number; readonly balancer: number };
  /** Index of the service as whose answer it was forwarded; the kernel counts bytes. */
  readonly answered?: number;
}

const none: readonly FlowChange[] = [];

/** The packet goes on to the host's own stack. */
export function pass(packet: Uint8Array, counter: Counter, changes = none): Outcome {
  return { verdict: 'pass', packet, counter, changes };
}

export function drop(packet: Uint8Array, counter: Counter, changes = none): Outcome {
  return { verdict: 'drop', packet, counter, changes };
}

/** `packet` leaves where the other one came in. */
export function send(packet: Uint8Array, counter: Counter, changes = none): Outcome {
  return { verdict: 'tx', packet, counter, changes };
}
