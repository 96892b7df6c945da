/** ICMP for a VIP; what forward/icmp.ts says. */
import { asm } from '../../../lib/linux/bpf/index.ts';
import { icmpLayout, IpProtocol, ipv4Layout, ipv6Layout } from '../../../lib/packet/index.ts';
import { BalancerState, flowLayout, Mode, serviceLayout } from '../../forward/index.ts';
import { raw16 } from './byte-order.ts';
import { ipAt, type Family } from './family.ts';
import { Stack } from './frame.ts';
import { flowKeyCode, serviceKeyCode } from './keys.ts';
import { findFlow, findOwner, pickCode, unlessProxied } from './lookup.ts';
import { frameBytesCode, leastBytes, lengthsCode } from './parse.ts';
import { countsAs } from './segment.ts';

const { R0, R1, R2, R3, R7, R8, R9, FP } = asm;

/** Both ports and the sequence number: what an error quotes of TCP at least (RFC 792). */
const quotedTcpBytes = 8;

/** At the label `icmp`. In: R7, R8 the end. Goes to `echo`, `forward` or an ending. */
export function icmpCode(family: Family, tableSize: number): asm.Code {
  const { type, code } = icmpLayout.fields;
  return asm.explain(`ICMP over IP${family.name}`, [
    asm.label('icmp'),
    frameBytesCode(),
    lengthsCode(family, leastBytes.icmp(family)),
    asm.loadField(R2, R7, type, family.at),
    asm.jne.imm(R2, family.icmp.echo, 'noEcho'),
    asm.loadField(R3, R7, code, family.at),
    asm.jne.imm(R3, 0, 'passOther'),
    asm.ja('echo'),
    asm.label('noEcho'),
    family.icmp.errors.map((error) => asm.jeq.imm(R2, error, 'error')),
    asm.ja('passOther'),
    asm.label('error'),
    errorCode(family, tableSize),
  ]);
}

/** In: R1, bytes of the IP packet. */
function errorCode(family: Family, tableSize: number): asm.Code {
  const quotedIp = family.at + icmpLayout.size;
  const quotedTcp = quotedIp + family.ipBytes;
  const quotedDestination = quotedIp + family.destination - ipAt;
  const quotedSource = quotedIp + family.source - ipAt;
  return [
    asm.jlt.imm(R1, quotedTcp + quotedTcpBytes - ipAt, 'passOther', 'quotes too little'),
    asm.requireBytes(R7, R8, quotedTcp + quotedTcpBytes, R1, 'passOther'),
    family.version === 4 ? quotedIpv4(quotedIp) : quotedIpv6(quotedIp),
    sameAddress(family, quotedSource),
    serviceKeyCode(family, quotedSource, quotedTcp),
    asm.lookupMap('services', Stack.ServiceKey),
    asm.jeq.imm(R0, 0, 'passOther', 'about no service of ours'),
    asm.mov.reg(R8, R0),
    flowKeyCode(family, quotedDestination, quotedTcp + 2),
    countsAs('forwardIcmp'),
    findFlow('errorFlow', 'unknown'),
    findOwner('errorOwnerless'),
    asm.jeq.imm(R3, BalancerState.Dead, 'dropDead'),
    asm.loadField(R1, R9, flowLayout.fields.mode),
    asm.storeMem(FP, Stack.Mode, R1, 4),
    asm.mov.reg(R9, R0),
    asm.ja('forward'),
    asm.label('errorOwnerless'),
    unlessProxied('unknown'),
    asm.ja('passProxy'),
    asm.label('unknown'),
    asm.loadField(R1, R8, serviceLayout.fields.mode),
    asm.jeq.imm(R1, Mode.Proxy, 'passProxy'),
    pickCode(tableSize, 'dropNoBalancer'),
    asm.ja('forward'),
  ];
}

/** Goes to passOther unless the quoted packet came from the VIP. */
function sameAddress(family: Family, quotedSource: number): asm.Code {
  const size = family.addressBytes === 4 ? 4 : 8;
  return Array.from({ length: family.addressBytes / size }, (_, part) => [
    asm.loadMem(R1, R7, quotedSource + part * size, size),
    asm.loadMem(R2, R7, family.destination + part * size, size),
    asm.jne.reg(R1, R2, 'passOther', 'about a packet of somebody else'),
  ]).flat();
}

function quotedIpv4(at: number): asm.Code {
  const { versionAndLength, flagsAndFragment, protocol } = ipv4Layout.fields;
  return [
    asm.loadField(R1, R7, versionAndLength, at),
    asm.jne.imm(R1, 0x45, 'passOther', 'quotes options'),
    asm.loadField(R1, R7, flagsAndFragment, at),
    asm.jset.imm(R1, raw16(0x1fff), 'passOther', 'quotes a later fragment'),
    asm.loadField(R1, R7, protocol, at),
    asm.jne.imm(R1, IpProtocol.Tcp, 'passOther', 'not about TCP'),
  ];
}

function quotedIpv6(at: number): asm.Code {
  return [
    asm.loadMem(R1, R7, at, 1),
    asm.rsh.imm(R1, 4),
    asm.jne.imm(R1, 6, 'passOther'),
    asm.loadField(R1, R7, ipv6Layout.fields.nextHeader, at),
    asm.jne.imm(R1, IpProtocol.Tcp, 'passOther', 'not about TCP'),
  ];
}
