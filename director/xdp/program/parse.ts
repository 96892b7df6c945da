/** Whose a frame is: the rules of forward/classify.ts in the same order. */
import { asm } from '../../../lib/linux/bpf/index.ts';
import {
  EtherType,
  ethernetLayout,
  icmpLayout,
  IpProtocol,
  ipv4Layout,
  ipv6Layout,
  tcpLayout,
} from '../../../lib/packet/index.ts';
import { configLayout } from '../../forward/index.ts';
import { raw16 } from './byte-order.ts';
import { ipAt, type Family } from './family.ts';
import type { Form } from './form.ts';
import { Stack } from './frame.ts';
import { serviceKeyCode } from './keys.ts';

const { R0, R1, R2, R3, R6, R7, FP } = asm;

/** Goes to `v4` or `v6`, or ends. In: R1, the context. Out: R6 to R8. */
export function linkCode(form: Form): asm.Code {
  const { ownMac } = configLayout.fields;
  const mac = ethernetLayout.offsetOf('destination');
  return asm.explain('Ethernet', [
    asm.mov.reg(R6, R1),
    form.load,
    form.require('link', ipAt, 'passOther'),
    asm.loadMapValue(R1, 'config', ownMac.offset),
    asm.loadMem(R2, R7, mac, 4),
    asm.loadMem(R3, R1, 0, 4),
    asm.jne.reg32(R2, R3, 'passOther', 'for another MAC address'),
    asm.loadMem(R2, R7, mac + 4, 2),
    asm.loadMem(R3, R1, 4, 2),
    asm.jne.reg32(R2, R3, 'passOther', 'for another MAC address'),
    form.ifTagged('passVlan'),
    asm.loadField(R1, R7, ethernetLayout.fields.etherType),
    asm.jeq.imm(R1, raw16(EtherType.Ipv4), 'v4.ip'),
    asm.jeq.imm(R1, raw16(EtherType.Ipv6), 'v6.ip'),
    asm.jeq.imm(R1, raw16(EtherType.Vlan), 'passVlan'),
    asm.jeq.imm(R1, raw16(EtherType.ServiceVlan), 'passVlan'),
    asm.ja('passOther'),
  ]);
}

/** Jumps to `target` unless the destination is a VIP. Clobbers R0 to R5. */
function requireVip(family: Family, target = 'passOther'): asm.Code {
  return [
    serviceKeyCode(family, family.destination, undefined),
    asm.lookupMap('vips', Stack.ServiceKey),
    asm.jeq.imm(R0, 0, target, 'for no VIP'),
  ];
}

/** Goes to `tcp` or `icmp` with a whole fixed header, or ends. */
export function ipCode(family: Family): asm.Code {
  return asm.explain(`IP${family.name}`, [
    asm.label('ip'),
    family.form.require('ipHeader', family.at, 'passMalformed'),
    family.version === 4 ? ipv4Rules() : ipv6Rules(),
    // Plain TCP goes on here.
    family.form.require('tcpHeader', family.tcpFrameBytes, 'short'),
    asm.ja('tcp'),
    asm.label('short'),
    requireVip(family),
    asm.ja('dropMalformed'),
    asm.label('options'),
    requireVip(family),
    asm.ja('dropOptions'),
    asm.label('fragment'),
    requireVip(family),
    asm.ja('dropFragment'),
    asm.label('plainIcmp'),
    requireVip(family, 'foreignIcmp?'),
    family.form.require('icmpHeader', family.icmpFrameBytes, 'dropMalformed'),
    asm.ja('icmp'),
    asm.label('foreignIcmp?'),
    family.form.require('foreignIcmpHeader', family.icmpFrameBytes, 'passOther'),
    asm.ja('foreignIcmp'),
  ]);
}

/** Falls through for plain TCP. */
function ipv4Rules(): asm.Code {
  const { versionAndLength, protocol, flagsAndFragment } = ipv4Layout.fields;
  return [
    asm.loadField(R1, R7, versionAndLength, ipAt),
    asm.loadField(R2, R7, protocol, ipAt),
    asm.loadField(R3, R7, flagsAndFragment, ipAt),
    asm.jne.imm(R1, 0x45, 'odd', 'version 4, header of 20 bytes?'),
    asm.jne.imm(R2, IpProtocol.Tcp, 'other'),
    asm.jset.imm(R3, raw16(0x3fff), 'fragment', 'offset or more fragments'),
    asm.ja('plainTcp'),
    asm.label('other'),
    asm.jne.imm(R2, IpProtocol.Icmp, 'passOther'),
    asm.jset.imm(R3, raw16(0x3fff), 'fragment', 'offset or more fragments'),
    asm.ja('plainIcmp'),
    asm.label('odd'),
    asm.jlt.imm(R1, 0x45, 'passMalformed'),
    asm.jgt.imm(R1, 0x4f, 'passMalformed'),
    asm.jeq.imm(R2, IpProtocol.Tcp, 'options'),
    asm.jeq.imm(R2, IpProtocol.Icmp, 'options'),
    asm.ja('passOther'),
    asm.label('plainTcp'),
  ];
}

function ipv6Rules(): asm.Code {
  const { HopByHop, Routing, Authentication, DestinationOptions, Mobility } = IpProtocol;
  return [
    asm.loadMem(R1, R7, ipAt, 1, 'version'),
    asm.rsh.imm(R1, 4),
    asm.jne.imm(R1, 6, 'passMalformed'),
    asm.loadField(R2, R7, ipv6Layout.fields.nextHeader, ipAt),
    asm.jeq.imm(R2, IpProtocol.Tcp, 'plainTcp'),
    asm.jeq.imm(R2, IpProtocol.Icmpv6, 'plainIcmp'),
    asm.jeq.imm(R2, IpProtocol.Fragment, 'fragment'),
    [HopByHop, Routing, Authentication, DestinationOptions, Mobility].map((header) =>
      asm.jeq.imm(R2, header, 'options'),
    ),
    asm.ja('passOther'),
    asm.label('plainTcp'),
  ];
}

/**
 * Stores the IP packet's length; jumps to `wrong` when the frame is shorter.
 *
 * - in: stack: FrameBytes
 * - out: R1, bytes of the IP packet
 * - clobbers R2
 */
export function lengthsCode(family: Family, minimum: number, wrong = 'dropMalformed'): asm.Code {
  return asm.explain('lengths', [
    asm.loadMem(R1, R7, lengthAt(family), 2),
    asm.toBigEndian(R1, 16),
    family.version === 6 ? asm.add.imm(R1, family.ipBytes) : [],
    asm.storeMem(FP, Stack.IpBytes, R1, 4),
    asm.loadMem(R2, FP, Stack.FrameBytes, 8),
    asm.sub.imm(R2, ipAt),
    asm.jgt.reg(R1, R2, wrong, 'more than there is'),
    asm.jlt.imm(R1, minimum, wrong, 'less than the headers'),
  ]);
}

function lengthAt(family: Family): number {
  return (
    ipAt + (family.version === 4 ? ipv4Layout.offsetOf('totalLength') : ipv6Layout.offsetOf('payloadLength'))
  );
}

/** Stores the frame's length. In: R7, R8. Clobbers R1. */
export function frameBytesCode({ form }: Family): asm.Code {
  return asm.explain('bytes of the frame', [form.frameBytes, asm.storeMem(FP, Stack.FrameBytes, R1, 8)]);
}

/** Ends with dropMalformed when the TCP header does not fit the IP packet, R1 bytes long. R3 = bytes of both headers. */
export function tcpLengthCode(family: Family): asm.Code {
  return asm.explain('length of the TCP header', [
    asm.loadField(R3, R7, tcpLayout.fields.lengthAndReserved, family.at),
    asm.rsh.imm(R3, 4),
    asm.lsh.imm(R3, 2),
    asm.jlt.imm(R3, tcpLayout.size, 'dropMalformed'),
    asm.add.imm(R3, family.ipBytes),
    asm.jgt.reg(R3, R1, 'dropMalformed'),
  ]);
}

/** Least bytes of an IP packet that can be what it says. */
export const leastBytes = {
  tcp: (family: Family) => family.ipBytes + tcpLayout.size,
  icmp: (family: Family) => family.ipBytes + icmpLayout.size,
};
