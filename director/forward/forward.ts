import { forwardAnswer } from './answer.ts';
import { classify } from './classify.ts';
import { forwardIcmp } from './icmp.ts';
import { tickOf } from './numbers.ts';
import type { Outcome } from './outcome.ts';
import type { ForwardState } from './state.ts';
import { forwardSegment } from './segment.ts';

/**
 * What becomes of an Ethernet frame. Pure: the state is only read, changes of the flow tables are in the outcome.
 * The eBPF program does the same, held to it by property tests. `segmentBytes`: TCP payload of the segments that a
 * frame of many will be cut into (the kernel's gso_size); 0: it is one.
 */
export function forward(frame: Uint8Array, state: ForwardState, nowNs: bigint, segmentBytes = 0): Outcome {
  const packet = classify(frame, state, segmentBytes);
  switch (packet.kind) {
    case 'done':
      return packet.outcome;
    case 'tcp':
      return forwardSegment(frame, packet, state, tickOf(nowNs));
    case 'answer':
      return forwardAnswer(frame, packet, state, tickOf(nowNs));
    case 'icmp':
      return forwardIcmp(frame, packet, state);
  }
}
