/** The frame on its way to a balancer; what forward/rewrite.ts says. */
import { asm } from '../../../lib/linux/bpf/index.ts';
import { EtherType, ethernetLayout, ipv4Layout, ipv6Layout } from '../../../lib/packet/index.ts';
import { balancerLayout, configLayout, forwardCounterIndex, Mode, ownTtl } from '../../forward/index.ts';
import { raw16 } from './byte-order.ts';
import { addWords, finishChecksum } from './checksum.ts';
import { ipAt, type Family } from './family.ts';
import { Stack } from './frame.ts';

const { R1, R2, R3, R4, R5, R6, R7, R9, FP } = asm;

const { destination, source, etherType } = ethernetLayout.fields;
const { mac, address, family: familyField } = balancerLayout.fields;
const config = configLayout.fields;

/**
 * At the label `forward`.
 *
 * - in: R7 a frame to our MAC address; R8 the service; R9 the balancer; stack: Mode, IpBytes, and what `sent` wants
 * - goes to `sent`, `tooBig` or `dropInternal`
 */
export function forwardCode(family: Family): asm.Code {
  return asm.explain('forward', [
    asm.label('forward'),
    asm.loadMem(R1, R9, mac.offset, 4),
    asm.loadMem(R2, R9, mac.offset + 4, 2),
    asm.mov.reg(R3, R1),
    asm.or.reg(R3, R2),
    asm.jeq.imm(R3, 0, 'dropInternal', 'next hop not known'),
    asm.loadMem(R3, FP, Stack.Mode, 4),
    asm.jne.imm(R3, Mode.Dr, 'forward.tun?'),
    // The frame came to our own address.
    asm.loadMem(R3, R7, destination.offset, 4),
    asm.loadMem(R4, R7, destination.offset + 4, 2),
    asm.storeMem(R7, source.offset, R3, 4),
    asm.storeMem(R7, source.offset + 4, R4, 2),
    asm.storeMem(R7, destination.offset, R1, 4),
    asm.storeMem(R7, destination.offset + 4, R2, 2),
    asm.ja('sent'),
    asm.label('forward.tun?'),
    asm.jeq.imm(R3, Mode.Nat, 'nat'),
    asm.jne.imm(R3, Mode.Tun, 'dropInternal', 'unknown mode'),
    asm.loadField(R1, R9, familyField),
    asm.jeq.imm(R1, 4, 'tun4'),
    asm.jeq.imm(R1, 6, 'tun6'),
    asm.ja('dropInternal'),
    tunnelCode(family, 4),
    tunnelCode(family, 6),
    asm.label('cannotFit'),
    asm.loadMem(R1, FP, Stack.Forward, 4),
    asm.jeq.imm(R1, forwardCounterIndex('forwardIcmp') * 8, 'dropInternal', 'no error about an error'),
    asm.ja('tooBig'),
  ]);
}

/** Wraps the packet. Outer version `outer`. */
function tunnelCode(family: Family, outer: 4 | 6): asm.Code {
  const outerBytes = outer === 4 ? ipv4Layout.size : ipv6Layout.size;
  return asm.explain(`wrap in IPv${outer}`, [
    asm.label(`tun${outer}`),
    asm.loadMapValue(R5, 'config', 0),
    asm.loadField(R2, R5, config.mtu),
    asm.sub.imm(R2, outerBytes),
    family.form.loadSegmentBytes,
    asm.mov.reg(R3, R2),
    asm.toBigEndian(R3, 16),
    asm.storeMem(FP, Stack.Mtu, R3, 4),
    asm.jsgt.reg(R1, R2, 'cannotFit'),
    asm.loadMem(R1, FP, Stack.IpBytes, 4),
    asm.jgt.imm(R1, 0xffff - outerBytes, 'dropInternal', 'no length field is as wide'),
    trafficClass(family),
    asm.storeMem(FP, Stack.Tos, R1, 4),
    family.form.grow(outerBytes, outer),
    reload(family, ipAt + outerBytes),
    asm.loadMapValue(R5, 'config', 0),
    copyHalves(destination.offset, R9, mac.offset, 6),
    copyHalves(source.offset, R5, config.ownMac.offset, 6),
    asm.storeImm(R7, etherType.offset, raw16(outer === 4 ? EtherType.Ipv4 : EtherType.Ipv6), 2),
    outer === 4 ? outerIpv4(family) : outerIpv6(family),
    asm.ja('sent'),
  ]);
}

/** R7 = the packet, of which `bytes` can be read; R8 and R9 stay. Clobbers R1, R2. */
export function reload({ form }: Family, bytes: number): asm.Code {
  return [asm.loadPacket(R6, R7, R1, form.context), asm.requireBytes(R7, R1, bytes, R2, 'dropInternal')];
}

/** Copies to the packet in pieces of at most 4 bytes. Clobbers R1. */
function copyHalves(to: number, from: asm.Register, offset: number, bytes: number): asm.Code {
  return asm.copyBytes(R7, to, from, offset, bytes, R1);
}

/** R1 = TOS or traffic class of the packet, ECN included (RFC 6040). */
function trafficClass(family: Family): asm.Code {
  if (family.version === 4) return asm.loadField(R1, R7, ipv4Layout.fields.tos, ipAt);
  return [asm.loadMem(R1, R7, ipAt, 2), asm.toBigEndian(R1, 16), asm.rsh.imm(R1, 4), asm.and.imm(R1, 0xff)];
}

/** In: R5, the configuration. Clobbers R1, R2. */
function outerIpv4(family: Family): asm.Code {
  const ip = ipv4Layout.fields;
  const put = (offset: number, value: number, size: number) => asm.storeImm(R7, ipAt + offset, value, size);
  return [
    put(ip.versionAndLength.offset, 0x45, 1),
    asm.loadMem(R1, FP, Stack.Tos, 4),
    asm.storeField(R7, ip.tos, R1, ipAt),
    asm.loadMem(R1, FP, Stack.IpBytes, 4),
    asm.add.imm(R1, ipv4Layout.size),
    asm.toBigEndian(R1, 16),
    asm.storeField(R7, ip.totalLength, R1, ipAt),
    put(ip.id.offset, 0, 2),
    put(ip.flagsAndFragment.offset, raw16(0x4000), 2),
    put(ip.ttl.offset, ownTtl, 1),
    put(ip.protocol.offset, family.innerProtocol, 1),
    put(ip.checksum.offset, 0, 2),
    asm.loadMem(R1, R5, config.tunnelSource4.offset, 4),
    asm.storeMem(R7, ipAt + ip.source.offset, R1, 4),
    // The last 4 of 16 bytes: v4-mapped.
    asm.loadMem(R1, R9, address.offset + 12, 4),
    asm.storeMem(R7, ipAt + ip.destination.offset, R1, 4),
    asm.mov.imm(R1, 0),
    addWords(R1, R2, ipAt, ipv4Layout.size),
    finishChecksum(R1, R2),
    asm.storeField(R7, ip.checksum, R1, ipAt),
  ];
}

/** In: R5, the configuration. Clobbers R1. */
function outerIpv6(family: Family): asm.Code {
  const ip = ipv6Layout.fields;
  return [
    asm.loadMem(R1, FP, Stack.Tos, 4),
    asm.lsh.imm(R1, 20),
    asm.or.imm(R1, 0x6000_0000),
    asm.toBigEndian(R1, 32),
    asm.storeField(R7, ip.versionClassLabel, R1, ipAt),
    asm.loadMem(R1, FP, Stack.IpBytes, 4),
    asm.toBigEndian(R1, 16),
    asm.storeField(R7, ip.payloadLength, R1, ipAt),
    asm.storeImm(R7, ipAt + ip.nextHeader.offset, family.innerProtocol, 1),
    asm.storeImm(R7, ipAt + ip.hopLimit.offset, ownTtl, 1),
    copyHalves(ipAt + ip.source.offset, R5, config.tunnelSource6.offset, 16),
    copyHalves(ipAt + ip.destination.offset, R9, address.offset, 16),
  ];
}
