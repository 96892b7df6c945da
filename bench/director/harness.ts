/**
 * Times an XDP program that rewrites packets. BPF_PROG_TEST_RUN with repeat feeds a program its own output, so a small
 * wrapper restores the packet and goes on in the program by a tail call; what wrapper and a trivial XDP_TX
 * program take is subtracted.
 */
import { asm, Program, XdpAction, type BpfMap, type ProgramSpec } from '../../lib/linux/bpf/index.ts';

const { R0, R1, R2, R3, R5, R6, R7, R8, R9 } = asm;

/** How the wrapper makes the packets. Offsets in the frame, IPv4. */
export interface Traffic {
  readonly packet: Uint8Array;
  /** Bytes that the program puts before the packet. */
  readonly grownBy: number;
  /** Bytes from the front that the program rewrites; default: the Ethernet header. */
  readonly rewritten?: number;
  /** Different clients, a power of two up to 2^24: source port and last byte of the address are made of a counter. */
  readonly flows: number;
}

const sourceAddressAt = 26;
const sourcePortAt = 34;

/** The wrapper; needs the maps `next` (program-array) and `turn` (array of one u64). */
export function wrapper({ packet, grownBy, flows, rewritten }: Traffic): ProgramSpec {
  const head = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const restore = Array.from({ length: (rewritten ?? 14) / 2 }, (_, half) =>
    asm.storeImm(R7, half * 2, head.getUint16(half * 2, true), 2),
  );
  return {
    type: 'xdp',
    instructions: [
      asm.mov.reg(R6, R1),
      asm.loadPacket(R6, R7, R8),
      asm.mov.reg(R2, R8),
      asm.sub.reg(R2, R7),
      asm.jle.imm(R2, packet.length, 'same'),
      asm.mov.reg(R1, R6),
      asm.mov.imm(R2, grownBy),
      asm.fn.xdpAdjustHead.call(),
      asm.jne.imm(R0, 0, 'bad'),
      asm.loadPacket(R6, R7, R8),
      asm.label('same'),
      asm.requireBytes(R7, R8, 54, R2, 'bad'),
      restore,
      flows === 1 ? [] : turnCode(flows),
      asm.tailCall(R6, 'next', 0),
      asm.label('bad'),
      asm.leave(XdpAction.Aborted),
    ],
  };
}

/** A new client in each turn: spread by an odd factor, so that neighbours in time are no neighbours in memory. */
function turnCode(flows: number): asm.Code {
  return [
    asm.loadMapValue(R9, 'turn', 0),
    asm.loadMem(R3, R9, 0, 8),
    asm.add.imm(R3, 1),
    asm.storeMem(R9, 0, R3, 8),
    asm.mul.imm(R3, 0x9e37),
    asm.and.imm(R3, flows - 1),
    asm.storeMem(R7, sourcePortAt, R3, 2),
    asm.mov.reg(R5, R3),
    asm.rsh.imm(R5, 16),
    asm.storeMem(R7, sourceAddressAt + 3, R5, 1),
  ];
}

export const trivial: ProgramSpec = { type: 'xdp', instructions: asm.leave(XdpAction.Tx) };

export const harnessMaps = {
  next: { type: 'program-array', keySize: 4, valueSize: 4, maxEntries: 1 },
  turn: { type: 'array', keySize: 4, valueSize: 8, maxEntries: 1 },
} as const;

/** Nanoseconds. */
export interface Added {
  readonly added: number;
  readonly least: number;
  readonly most: number;
  /** Of the wrapper and the trivial program. */
  readonly baseline: number;
}

/** Nanoseconds that `program` adds: the median over rounds, each beside the trivial program in the same moment. */
export function addedNs(
  traffic: Traffic,
  programs: { readonly wrapper: Program; readonly program: Program; readonly trivial: Program },
  maps: { readonly next: BpfMap },
  {
    rounds,
    repeat,
    before: prepare,
  }: { readonly rounds: number; readonly repeat: number; readonly before: () => void },
): Added {
  const time = (program: Program): number => {
    maps.next.put(0, program);
    const { durationNs, result } = programs.wrapper.test({ data: traffic.packet, repeat });
    if (result !== XdpAction.Tx) throw new Error(`the program answered ${result} instead of XDP_TX`);
    return durationNs;
  };
  const differences: number[] = [];
  let baseline = Infinity;
  for (let round = 0; round < rounds; round++) {
    prepare();
    const before = time(programs.trivial);
    const taken = time(programs.program);
    const after = time(programs.trivial);
    baseline = Math.min(baseline, before, after);
    differences.push(taken - (before + after) / 2);
  }
  const sorted = differences.toSorted((one, other) => one - other);
  return { added: sorted[Math.floor(rounds / 2)]!, least: sorted[0]!, most: sorted.at(-1)!, baseline };
}
