import { asm } from '../../../lib/linux/bpf/index.ts';
import { flowBytes } from '../../../lib/maglev/index.ts';
import { configLayout } from '../../forward/index.ts';

const { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9 } = asm;

/** "somepseudorandomlygeneratedbytes" (SipHash paper, section 2.1). */
const initial = [0x736f6d6570736575n, 0x646f72616e646f6dn, 0x6c7967656e657261n, 0x7465646279746573n] as const;

/** There is no rotation in eBPF. Clobbers R0. */
function rotateLeft(register: asm.Register, bits: number): asm.Code {
  return [
    asm.mov.reg(R0, register),
    asm.lsh.imm(register, bits),
    asm.rsh.imm(R0, 64 - bits),
    asm.or.reg(register, R0),
  ];
}

/** One round on v0 to v3 in R2 to R5. Clobbers R0. */
function round(): asm.Code {
  return [
    asm.add.reg(R2, R3),
    rotateLeft(R3, 13),
    asm.xor.reg(R3, R2),
    rotateLeft(R2, 32),
    asm.add.reg(R4, R5),
    rotateLeft(R5, 16),
    asm.xor.reg(R5, R4),
    asm.add.reg(R2, R5),
    rotateLeft(R5, 21),
    asm.xor.reg(R5, R2),
    asm.add.reg(R4, R3),
    rotateLeft(R3, 17),
    asm.xor.reg(R3, R4),
    rotateLeft(R4, 32),
  ];
}

/**
 * A function of its own at the label `name`: the slot of a client, SipHash-1-3 modulo `tableSize`.
 *
 * - in: R1, 18 bytes on the caller's stack: client address and port, aligned to 8
 * - out: R0, below `tableSize`
 */
export function slotFunction(name: string, tableSize: number): asm.Code {
  const words = [R6, R7, R8] as const;
  const { hashKey0, hashKey1 } = configLayout.fields;
  return asm.explain('slot of the client (SipHash-1-3)', [
    asm.label(name),
    asm.loadMem(R6, R1, 0, 8),
    asm.loadMem(R7, R1, 8, 8),
    asm.loadMem(R8, R1, 16, 2),
    // The last word carries the length in its highest byte.
    asm.loadImm64(R0, BigInt(flowBytes) << 56n),
    asm.or.reg(R8, R0),
    asm.loadMapValue(R9, 'config', 0),
    asm.loadField(R1, R9, hashKey1),
    asm.loadField(R9, R9, hashKey0),
    asm.loadImm64(R2, initial[0]),
    asm.xor.reg(R2, R9),
    asm.loadImm64(R3, initial[1]),
    asm.xor.reg(R3, R1),
    asm.loadImm64(R4, initial[2]),
    asm.xor.reg(R4, R9),
    asm.loadImm64(R5, initial[3]),
    asm.xor.reg(R5, R1),
    words.map((word) => [asm.xor.reg(R5, word), round(), asm.xor.reg(R2, word)]).flat(),
    asm.xor.imm(R4, 0xff),
    [round(), round(), round()],
    asm.mov.reg(R0, R2),
    asm.xor.reg(R0, R3),
    asm.xor.reg(R0, R4),
    asm.xor.reg(R0, R5),
    asm.mod.imm(R0, tableSize),
    asm.exit(),
  ]);
}
