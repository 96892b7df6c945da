/** Mode nat; what forward/nat.ts says. */
import { asm } from '../../../lib/linux/bpf/index.ts';
import { ethernetLayout, icmpLayout, tcpLayout } from '../../../lib/packet/index.ts';
import {
  balancerLayout,
  endpointKeyLayout,
  forwardCounterIndex,
  serviceKeyLayout,
  serviceLayout,
} from '../../forward/index.ts';
import { updateBySum } from './checksum.ts';
import { ipAt, type Family } from './family.ts';
import { Stack } from './frame.ts';

const { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, FP } = asm;

export type End = 'source' | 'destination';

const mac = ethernetLayout.fields;
const endpoint = serviceKeyLayout.fields;

/** From us to the MAC address in R1 (4 bytes) and R2 (2). The frame came to our own. Clobbers R3, R4. */
export function relabel(): asm.Code {
  return [
    asm.loadMem(R3, R7, mac.destination.offset, 4),
    asm.loadMem(R4, R7, mac.destination.offset + 4, 2),
    asm.storeMem(R7, mac.source.offset, R3, 4),
    asm.storeMem(R7, mac.source.offset + 4, R4, 2),
    asm.storeMem(R7, mac.destination.offset, R1, 4),
    asm.storeMem(R7, mac.destination.offset + 4, R2, 2),
  ];
}

/**
 * To the balancer's endpoint. At the label `nat`.
 *
 * - in: R7 a frame to our MAC address; R8 the service; R9 the balancer; stack: Balancer, Forward, IpBytes
 * - goes to `sent` or `dropInternal`
 */
export function natCode(family: Family): asm.Code {
  const { service, balancer } = endpointKeyLayout.fields;
  return asm.explain('nat', [
    asm.label('nat'),
    asm.loadField(R1, R8, serviceLayout.fields.index),
    asm.storeField(FP, service, R1, Stack.Index),
    asm.loadMem(R1, FP, Stack.Balancer, 4),
    asm.storeField(FP, balancer, R1, Stack.Index),
    asm.lookupMap('endpoints', Stack.Index),
    asm.jeq.imm(R0, 0, 'dropInternal', 'no endpoint'),
    asm.loadField(R1, R0, endpoint.family),
    asm.jne.imm(R1, family.version, 'dropInternal', 'families are not mixed'),
    asm.loadMem(R1, R9, balancerLayout.offsetOf('mac'), 4),
    asm.loadMem(R2, R9, balancerLayout.offsetOf('mac') + 4, 2),
    relabel(),
    asm.loadMem(R1, FP, Stack.Forward, 4),
    asm.jeq.imm(R1, forwardCounterIndex('forwardIcmp') * 8, 'nat.error'),
    translateSegment(family, 'destination', R0),
    asm.ja('sent'),
    asm.label('nat.error'),
    // What the verifier knew of it is lost on the way here.
    asm.loadPacket(R6, R7, R1, family.form.context),
    asm.requireBytes(R7, R1, quotedTcp(family) + quotedTcpBytes, R2, 'dropInternal'),
    translateError(family, 'destination', R0),
    asm.ja('sent'),
  ]);
}

/** Both ports and the sequence number: what an error quotes of TCP at least (RFC 792). */
export const quotedTcpBytes = 8;

/** Where the quoted IP and TCP headers begin. */
export const quotedIp = (family: Family) => family.at + icmpLayout.size;
export const quotedTcp = (family: Family) => quotedIp(family) + family.ipBytes;

/** Bytes of a frame with an error that quotes TCP up to its checksum. */
export const quotedChecksumEnd = (family: Family) =>
  quotedTcp(family) + tcpLayout.offsetOf('checksum') + tcpLayout.fields.checksum.size;

const portAt: Readonly<Record<End, number>> = {
  source: tcpLayout.offsetOf('sourcePort'),
  destination: tcpLayout.offsetOf('destinationPort'),
};

/** Puts the address of the endpoint `to` at `at` and adds what changed to `sum`. Clobbers R2, R3. */
function putAddress(family: Family, at: number, to: asm.Register, sum: asm.Register): asm.Code {
  // IPv4 is the last 4 of 16 bytes: v4-mapped.
  const from = endpoint.address.offset + 16 - family.addressBytes;
  return Array.from({ length: family.addressBytes / 4 }, (_, word) => [
    asm.loadMem(R2, R7, at + word * 4, 4),
    asm.xor.imm32(R2, -1),
    asm.add.reg(sum, R2),
    asm.loadMem(R3, to, from + word * 4, 4),
    asm.add.reg(sum, R3),
    asm.storeMem(R7, at + word * 4, R3, 4),
  ]).flat();
}

/** Puts the port of the endpoint `to` at `at`; R3 = what changed. Clobbers R2. */
function putPort(at: number, to: asm.Register): asm.Code {
  return [
    asm.loadMem(R3, R7, at, 2),
    asm.xor.imm(R3, 0xffff),
    asm.loadField(R2, to, endpoint.port),
    asm.storeMem(R7, at, R2, 2),
    asm.add.reg(R3, R2),
  ];
}

/** Replaces the `end` of the TCP packet by the endpoint or VIP `to`. Clobbers R0 to R5; R7 is lost. */
export function translateSegment(family: Family, end: End, to: asm.Register): asm.Code {
  return asm.explain(`replace the ${end}`, [
    asm.mov.imm(R1, 0),
    putAddress(family, family[end], to, R1),
    family.checksum === undefined ? [] : updateBySum(family.checksum, R1, R2, R3),
    putPort(family.at + portAt[end], to),
    family.form.replaceChecksum(family.at + tcpLayout.offsetOf('checksum')),
  ]);
}

/**
 * Replaces the `end` of the ICMP error, and the other end of the packet that it quotes. ICMP comes with finished
 * checksums in either form. In: stack: IpBytes. Clobbers R1 to R5.
 */
export function translateError(family: Family, end: End, to: asm.Register): asm.Code {
  const quotedEnd = end === 'source' ? 'destination' : 'source';
  const innerAt = quotedIp(family);
  const tcpAt = quotedTcp(family);
  const checksumEnd = quotedChecksumEnd(family);
  // R5 sums up what changed for ICMP's checksum, R1 for the quoted ones.
  const code = [
    asm.mov.imm(R5, 0),
    asm.mov.imm(R1, 0),
    putAddress(family, family[end], to, R1),
    family.checksum === undefined ? asm.add.reg(R5, R1) : updateBySum(family.checksum, R1, R2, R3),
    asm.mov.imm(R1, 0),
    putAddress(family, innerAt + family[quotedEnd] - ipAt, to, R1),
    asm.add.reg(R5, R1),
    family.checksum === undefined ? [] : updateQuoted(innerAt + family.checksum - ipAt),
    putPort(tcpAt + portAt[quotedEnd], to),
    asm.add.reg(R5, R3),
    asm.add.reg(R1, R3),
    asm.loadMem(R2, FP, Stack.IpBytes, 4),
    asm.jlt.imm(R2, checksumEnd - ipAt, 'icmp', 'the checksum is not quoted'),
    asm.loadPacket(R6, R7, R2, family.form.context),
    asm.requireBytes(R7, R2, checksumEnd, R3, 'dropInternal'),
    updateQuoted(tcpAt + tcpLayout.offsetOf('checksum')),
    asm.label('icmp'),
    updateBySum(family.at + icmpLayout.offsetOf('checksum'), R5, R2, R3),
  ];
  return asm.scope(`translate${end}`, code);
}

/** Updates a quoted checksum by R1 and adds its own change to R5. Clobbers R2 to R4. */
function updateQuoted(at: number): asm.Code {
  return [
    asm.loadMem(R4, R7, at, 2),
    asm.xor.imm(R4, 0xffff),
    asm.add.reg(R5, R4),
    updateBySum(at, R1, R2, R3),
    asm.add.reg(R5, R2),
  ];
}
