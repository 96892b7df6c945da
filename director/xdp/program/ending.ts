import { asm } from '../../../lib/linux/bpf/index.ts';
import {
  balancerCountersLayout,
  counterIndex,
  counterNames,
  forwardCounterIndex,
  forwardCounters,
  originLayout,
  type PlaneCounter,
} from '../../forward/index.ts';
import { serviceCountersLayout, serviceLayout } from '../../forward/index.ts';
import type { Form } from './form.ts';
import { Stack } from './frame.ts';

const { R0, R1, R2, R3, R7, R8, FP } = asm;

/** Labels that count and pass or drop: `passOther`, `dropDead`, … */
const endings = counterNames.filter((name) => name.startsWith('pass') || name.startsWith('drop'));

/** No action: the frame is sent. */
const answered = 99;

/** Where answers are counted, behind the first forward counter. */
const answers = forwardCounterIndex('forwardAnswer') * 8;

/** Counts the plane counter in the stack's Index and ends with the action in R7, or sends. At the label `finish`. */
function finish(form: Form): asm.Code {
  return asm.explain('count and end', [
    asm.label('finish'),
    asm.lookupMap('counters', Stack.Index),
    asm.jeq.imm(R0, 0, 'finish.end'),
    asm.loadMem(R1, R0, 0, 8),
    asm.add.imm(R1, 1),
    asm.storeMem(R0, 0, R1, 8),
    asm.label('finish.end'),
    asm.mov.reg(R0, R7),
    asm.jeq.imm(R0, answered, 'finish.send'),
    asm.exit(),
    asm.label('finish.send'),
    form.send,
  ]);
}

/** One label per way to end without sending, and `reply`, which counts the stack's Reason and sends. */
export function endingsCode(form: Form): asm.Code {
  return [
    endings
      .map((name) => [
        asm.label(name),
        asm.storeImm(FP, Stack.Index, counterIndex(name), 4, name),
        asm.mov.imm(R7, name.startsWith('pass') ? form.pass : form.drop),
        asm.ja('finish'),
      ])
      .flat(),
    asm.label('reply'),
    asm.loadMem(R1, FP, Stack.Reason, 4, 'why we answer'),
    asm.storeMem(FP, Stack.Index, R1, 4),
    asm.mov.imm(R7, answered),
    finish(form),
  ];
}

/** Remembers why an answer is sent, for `reply`. */
export function becauseOf(counter: PlaneCounter): asm.Code {
  return asm.storeImm(FP, Stack.Reason, counterIndex(counter), 4, counter);
}

/**
 * Counts a packet on its way to a balancer, and sends it. At the label `sent`; one on its way back at `answered`, with
 * the endpoint's origin in R8.
 *
 * - in: R8, the service; stack: FrameBytes, Forward, Balancer
 */
export function sentCode(form: Form): asm.Code {
  const { forwarded, bytes, answerBytes } = serviceCountersLayout.fields;
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
    // The verifier has forgotten that it is one of these.
    asm.jgt.imm(R1, (forwardCounters.length - 1) * 8, 'sent.balancer'),
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
    form.send,
    asm.label('answered'),
    asm.loadField(R1, R8, originLayout.fields.service),
    asm.storeMem(FP, Stack.Index, R1, 4),
    asm.lookupMap('service_count', Stack.Index),
    asm.jeq.imm(R0, 0, 'sent.end'),
    asm.loadMem(R2, R0, answerBytes.offset, 8),
    asm.loadMem(R3, FP, Stack.FrameBytes, 8),
    asm.add.reg(R2, R3),
    asm.storeMem(R0, answerBytes.offset, R2, 8),
    asm.loadMem(R2, R0, forwarded.offset + answers, 8),
    asm.add.imm(R2, 1),
    asm.storeMem(R0, forwarded.offset + answers, R2, 8),
    asm.ja('sent.end'),
  ]);
}
