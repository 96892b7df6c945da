/** What several paths need to know of a TCP segment. */
import { asm } from '../../../lib/linux/bpf/index.ts';
import { tcpLayout } from '../../../lib/packet/index.ts';
import {
  beginFlags,
  beginMask,
  configLayout,
  forwardCounterIndex,
  type ForwardCounter,
} from '../../forward/index.ts';
import type { Family } from './family.ts';
import { Stack } from './frame.ts';

const { R1, R2, R7, FP } = asm;

/** Remembers how the packet will be counted when it is sent. */
export function countsAs(counter: ForwardCounter): asm.Code {
  return asm.storeImm(FP, Stack.Forward, forwardCounterIndex(counter) * 8, 4, counter);
}

/** R2 = the flags. */
export function loadFlags(family: Family): asm.Code {
  return asm.loadField(R2, R7, tcpLayout.fields.flags, family.at);
}

/** R1 = the date of this packet. Asking the kernel's clock, even the coarse one, takes 17 ns. */
export function loadTick(): asm.Code {
  return [asm.loadMapValue(R1, 'config', configLayout.offsetOf('tick')), asm.loadMem(R1, R1, 0, 4)];
}

/** Jumps to `begins` for a SYN alone. In: R2, the flags. Clobbers R1. */
export function ifBegins(target: string): asm.Code {
  return [
    asm.mov.reg(R1, R2),
    asm.and.imm(R1, beginMask),
    asm.jeq.imm(R1, beginFlags, target, 'a SYN that begins a connection'),
  ];
}
