/** What both programs do. R6 holds the context throughout. */
import { asm, TcAction } from '../../linux/bpf/index.ts';
import { EtherType, ethernetLayout, ipv4Layout, ipv6Layout } from '../../packet/index.ts';
import { unwrapCounters, type UnwrapCounter } from './layouts.ts';

const { R0, R1, R3, R4, R6, FP } = asm;

/** struct __sk_buff, include/uapi/linux/bpf.h: EtherType of the packet, big-endian in 32 bits. */
const SKB_PROTOCOL = 16;

export const ipAt = ethernetLayout.size;

/** A 16-bit number as it reads when its big-endian form is loaded without turning it. */
export function raw16(value: number): number {
  return ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
}

/** Keeps the context, and goes to `v4`, `v6` or `next`. */
export function begin(): asm.Code {
  return asm.explain('IPv4 or IPv6?', [
    asm.mov.reg(R6, R1),
    asm.loadMem(R1, R6, SKB_PROTOCOL, 4),
    asm.jeq.imm(R1, raw16(EtherType.Ipv4), 'v4'),
    asm.jeq.imm(R1, raw16(EtherType.Ipv6), 'v6'),
    asm.ja('next'),
  ]);
}

/**
 * Copies bytes of the packet to the stack, wherever in memory they are: received packets may lie in several pieces.
 * Jumps to `missing` when there are not so many.
 *
 * - in: `offset`, instructions that set R2 to the place in the frame
 * - clobbers R0 to R5
 */
export function loadBytes(offset: asm.Code, to: number, bytes: number, missing: string): asm.Code {
  return [
    asm.flatten(offset),
    asm.mov.reg(R1, R6),
    asm.mov.reg(R3, FP),
    asm.add.imm(R3, to),
    asm.mov.imm(R4, bytes),
    asm.fn.skbLoadBytes.call(),
    asm.jne.imm(R0, 0, missing, 'the packet is too short'),
  ];
}

/** The last word of the prefix of v4-mapped addresses, as it lies in memory: two zeros, two 0xff. */
const mappedWord = 0xffff_0000;

/** Copies an address of the header on the stack at `header` to the stack at `to`, IPv4 as v4-mapped. Clobbers R1. */
export function keyAddress(
  version: 4 | 6,
  header: number,
  field: 'source' | 'destination',
  to: number,
): asm.Code {
  if (version === 6) return asm.copyBytes(FP, to, FP, header + ipv6Layout.offsetOf(field), 16, R1);
  return [
    asm.storeImm(FP, to, 0, 8),
    asm.storeImm(FP, to + 8, mappedWord, 4),
    asm.loadMem(R1, FP, header + ipv4Layout.offsetOf(field), 4),
    asm.storeMem(FP, to + 12, R1, 4),
  ];
}

/** Labels `count.NAME` for each counter named, each going on to `next`; and `next`, which lets the packet go its way. */
export function ends(counters: readonly UnwrapCounter[], index: number): asm.Code {
  return asm.explain('count, and let the packet go its way', [
    counters
      .map((name) => [
        asm.label(`count.${name}`),
        asm.bumpCounter(name, 'unwrap_count', unwrapCounters.indexOf(name), index),
        asm.ja('next'),
      ])
      .flat(),
    asm.label('next'),
    asm.leave(TcAction.Next),
  ]);
}
