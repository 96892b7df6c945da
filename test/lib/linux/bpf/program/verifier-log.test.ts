import test from 'ava';
import { readVerifierLog } from '../../../../../lib/linux/bpf/program/index.ts';

const logs: readonly (readonly [what: string, log: string, reason: string, slot: number | undefined])[] = [
  [
    'a fault of the walk',
    '0: R1=ctx() R10=fp0\n0: (61) r2 = *(u32 *)(r1 +0)\n1: (71) r0 = *(u8 *)(r2 +0)\ninvalid access to packet\nR2 offset is outside\nprocessed 2 insns (limit 1000000)\n',
    'invalid access to packet; R2 offset is outside',
    1,
  ],
  ['a fault of the control flow', 'unreachable insn 7\nprocessed 0 insns\n', 'unreachable insn 7', 7],
  [
    'a jump out of range',
    'jump out of range from insn 3 to 99\nprocessed 0 insns\n',
    'jump out of range from insn 3 to 99',
    3,
  ],
  [
    'a fault without a place',
    'last insn is not an exit or jmp\n',
    'last insn is not an exit or jmp',
    undefined,
  ],
  [
    'an endless loop',
    '1: (07) r0 += 1 ; R0=1\ninfinite loop detected at insn 2\ncur state: R0=7\nold state: R0=7\nprocessed 9 insns\n',
    'infinite loop detected at insn 2',
    2,
  ],
  ['an empty log', '', '', undefined],
];

for (const [what, log, reason, slot] of logs) {
  test(`${what} is read from the log`, (t) => {
    t.deepEqual(readVerifierLog(log), slot === undefined ? { reason } : { reason, slot });
  });
}
