/** ICMP; what forward/icmp.ts says. */
import { asm } from '../../../lib/linux/bpf/index.ts';
import { icmpLayout, IpProtocol, ipv4Layout, ipv6Layout } from '../../../lib/packet/index.ts';
import { BalancerState, flowLayout, Mode, originLayout, serviceLayout } from '../../forward/index.ts';
import { findNatFlow, findOrigin, towardsClient } from './answer.ts';
import { raw16 } from './byte-order.ts';
import { ipAt, type Family } from './family.ts';
import { Stack } from './frame.ts';
import { flowKeyCode, serviceKeyCode } from './keys.ts';
import { findFlow, findOwner, pickCode, unlessProxied } from './lookup.ts';
import { quotedChecksumEnd, quotedIp, quotedTcp, quotedTcpBytes, translateError } from './nat.ts';
import { frameBytesCode, leastBytes, lengthsCode } from './parse.ts';
import { countsAs } from './segment.ts';

const { R0, R1, R2, R3, R7, R8, R9, FP } = asm;

/** At the label `icmp`. In: R7, R8 the end. Goes to `echo`, `forward` or an ending. */
export function icmpCode(family: Family, tableSize: number): asm.Code {
  const { type, code } = icmpLayout.fields;
  return asm.explain(`ICMP over IP${family.name}`, [
    asm.label('icmp'),
    frameBytesCode(family),
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

/**
 * Goes on with an error that quotes a TCP packet from the one it is sent to; else passOther. In: R1, bytes of the IP
 * packet. Clobbers R0 to R5.
 */
function quotedCode(name: string, family: Family): asm.Code {
  const tcp = quotedTcp(family);
  const ip = quotedIp(family);
  const { form } = family;
  return [
    asm.jlt.imm(R1, tcp + quotedTcpBytes - ipAt, 'passOther', 'quotes too little'),
    // As much as a translation may want; the shorter demand is what counts.
    form.name === 'tcx' ? form.require(`${name}.all`, quotedChecksumEnd(family), `${name}.little`) : [],
    form.name === 'tcx' ? asm.label(`${name}.little`) : [],
    form.require(name, tcp + quotedTcpBytes, 'passOther'),
    family.version === 4 ? quotedIpv4(ip) : quotedIpv6(ip),
    sameAddress(family, ip + family.source - ipAt),
  ];
}

function errorCode(family: Family, tableSize: number): asm.Code {
  const tcp = quotedTcp(family);
  const ip = quotedIp(family);
  return [
    quotedCode('quoted', family),
    serviceKeyCode(family, ip + family.source - ipAt, tcp),
    asm.lookupMap('services', Stack.ServiceKey),
    asm.jeq.imm(R0, 0, 'passOther', 'about no service of ours'),
    asm.mov.reg(R8, R0),
    flowKeyCode(family, ip + family.destination - ipAt, tcp + 2),
    family.form.oneSegment,
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

/** An error that is for no VIP, but about a packet to an endpoint. At the label `foreignIcmp`. In: R7, R8 the end. */
export function foreignIcmpCode(family: Family): asm.Code {
  const tcp = quotedTcp(family);
  const ip = quotedIp(family);
  return asm.explain(`ICMP over IP${family.name} about an endpoint`, [
    asm.label('foreignIcmp'),
    frameBytesCode(family),
    lengthsCode(family, leastBytes.icmp(family), 'passOther'),
    asm.loadField(R2, R7, icmpLayout.fields.type, family.at),
    family.icmp.errors.map((error) => asm.jeq.imm(R2, error, 'foreignError')),
    asm.ja('passOther'),
    asm.label('foreignError'),
    quotedCode('foreignQuoted', family),
    findOrigin(family, ip + family.destination - ipAt, tcp + 2),
    flowKeyCode(family, ip + family.source - ipAt, tcp, originLayout.fields.service),
    findNatFlow('foreignFlow'),
    towardsClient('foreignTo'),
    translateError(family, 'source', R8),
    asm.ja('answered'),
  ]);
}

/** Goes to passOther unless the quoted packet came from the one the error is sent to. */
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
