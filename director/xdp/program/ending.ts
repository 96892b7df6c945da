import { asm, XdpAction } from '../../../lib/linux/bpf/index.ts';
import {
  balancerCountersLayout,
  counterIndex,
  counterNames,
  type PlaneCounter,
} from '../../forward/index.ts';
import { serviceCountersLayout, serviceLayout } from '../../forward/index.ts';
import { Stack } from './frame.ts';

const { R0, R1, R2, R3, R6, R8, FP } = asm;

/** Labels that count and pass or drop: `passOther`, `dropDead`, … */
const endings = counterNames.filter((name) => name.startsWith('pass') || name.startsWith('drop'));

/** Counts the plane counter in the stack's Index and ends with the action in R6. At the label `finish`. */
function finish(): asm.Code {
  return asm.explain('count and end', [
    asm.label('finish'),
    asm.lookupMap('counters', Stack.Index),
    asm.jeq.imm(R0, 0, 'finish.end'),
    asm.loadMem(R1, R0, 0, 8),
    asm.add.imm(R1, 1),
    asm.storeMem(R0, 0, R1, 8),
    asm.label('finish.end'),
    asm.mov.reg(R0, R6),
    asm.exit(),
  ]);
}

/** One label per way to end without sending, and `reply`, which counts the stack's Reason and sends. */
export function endingsCode(): asm.Code {
  return [
    endings
      .map((name) => [
        asm.label(name),
        asm.storeImm(FP, Stack.Index, counterIndex(name), 4, name),
        asm.mov.imm(R6, name.startsWith('pass') ? XdpAction.Pass : XdpAction.Drop),
        asm.ja('finish'),
      ])
      .flat(),
    asm.label('reply'),
    asm.loadMem(R1, FP, Stack.Reason, 4, 'why we answer'),
    asm.storeMem(FP, Stack.Index, R1, 4),
    asm.mov.imm(R6, XdpAction.Tx),
    finish(),
  ];
}

/** Remembers why an answer is sent, for `reply`. */
export function becauseOf(counter: PlaneCounter): asm.Code {
  return asm.storeImm(FP, Stack.Reason, counterIndex(counter), 4, counter);
}

/**
 * Counts a packet on its way to a balancer, and sends it. At the label `sent`.
 *
 * - in: R8, the service; stack: FrameBytes, Forward, Balancer
 */
export function sentCode(): asm.Code {
  const { forwarded, bytes } = serviceCountersLayout.fields;
  const { packets, bytes: balancerBytes } = balancerCountersLayout.fields;
  return asm.explain('count and send', [
    asm.label('sent'),
    asm.loadField(R1, R8, serviceLayout.fields.index),
    asm.storeMem(FP, Stack.Index, R1, 4),
    asm.lookupMap('service_count', Stack.Index),
    asm.jeq.imm(R0, 0, 'sent.balancer'),
    asm.loadMem(R2, R0, bytes.offset, 8),
    asm.loadMem(R3, FP, Stack.FrameBytes, 8),
    asm.add.reg(R2, R3),
    asm.storeMem(R0, bytes.offset, R2, 8),
    asm.loadMem(R1, FP, Stack.Forward, 4),
    // The verifier has forgotten that it is one of four.
    asm.and.imm(R1, 0x18),
    asm.add.reg(R0, R1),
    asm.loadMem(R2, R0, forwarded.offset, 8),
    asm.add.imm(R2, 1),
    asm.storeMem(R0, forwarded.offset, R2, 8),
    asm.label('sent.balancer'),
    asm.lookupMap('balancer_count', Stack.Balancer),
    asm.jeq.imm(R0, 0, 'sent.end'),
    asm.loadMem(R2, R0, packets.offset, 8),
    asm.add.imm(R2, 1),
    asm.storeMem(R0, packets.offset, R2, 8),
    asm.loadMem(R2, R0, balancerBytes.offset, 8),
    asm.loadMem(R3, FP, Stack.FrameBytes, 8),
    asm.add.reg(R2, R3),
    asm.storeMem(R0, balancerBytes.offset, R2, 8),
    asm.label('sent.end'),
    asm.leave(XdpAction.Tx),
  ]);
}
