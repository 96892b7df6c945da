/**
 * Lowers the MSS in SYN and SYN-ACK that leave from a VIP that comes wrapped, so that clients send segments which still
 * fit one packet with the outer header. Whoever listens: headgate, nginx, HAProxy.
 *
 * Registers: R6 context, R7 place of the option looked at, R8 end of the options, R9 the largest MSS. The stack, from the
 * frame pointer down:
 *
 * ```
 *   -4   4  index of a counter; before, the option looked at
 *   -8   4  place of the TCP header in the frame
 *  -48  40  IP header, then 20 bytes of it: the TCP header
 *  -64  16  source address
 * ```
 */
import { asm, type ProgramSpec } from '../../linux/bpf/index.ts';
import { IpProtocol, ipv4Layout, ipv6Layout, TcpFlag, tcpLayout, TcpOptionKind } from '../../packet/index.ts';
import { begin, ends, ipAt, keyAddress, loadBytes, raw16 } from './common.ts';
import { vipLayout } from './layouts.ts';

const { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, FP } = asm;

const Stack = { Index: -4, Option: -4, TcpAt: -8, Header: -48, Key: -64 } as const;

/** Bytes of the option (RFC 9293 3.2). */
const mssBytes = 4;

/** How many options are looked at. Linux writes the MSS first, or second behind a signature. */
const optionsMost = 8;

/** R7 = place of the TCP header, R9 = the largest MSS; goes on to `tcp`. */
function ip4(): asm.Code {
  const { versionAndLength, flagsAndFragment, protocol } = ipv4Layout.fields;
  return asm.explain('IPv4', [
    asm.label('v4'),
    loadBytes([asm.mov.imm(R2, ipAt)], Stack.Header, ipv4Layout.size, 'next'),
    asm.loadField(R1, FP, protocol, Stack.Header),
    asm.jne.imm(R1, IpProtocol.Tcp, 'next'),
    asm.loadField(R1, FP, flagsAndFragment, Stack.Header),
    asm.jset.imm(R1, raw16(0x1fff), 'next', 'no TCP header in a later fragment'),
    asm.loadField(R7, FP, versionAndLength, Stack.Header),
    asm.and.imm(R7, 0x0f),
    asm.lsh.imm(R7, 2),
    asm.add.imm(R7, ipAt),
    keyAddress(4, Stack.Header, 'source', Stack.Key),
    asm.ja('tcp'),
  ]);
}

function ip6(): asm.Code {
  return asm.explain('IPv6', [
    asm.label('v6'),
    loadBytes([asm.mov.imm(R2, ipAt)], Stack.Header, ipv6Layout.size, 'next'),
    asm.loadField(R1, FP, ipv6Layout.fields.nextHeader, Stack.Header),
    asm.jne.imm(R1, IpProtocol.Tcp, 'next'),
    asm.mov.imm(R7, ipAt + ipv6Layout.size),
    keyAddress(6, Stack.Header, 'source', Stack.Key),
  ]);
}

/** Goes to `options` with R7, R8, R9 set when this is a SYN from a VIP. */
function tcp(): asm.Code {
  const { flags, lengthAndReserved } = tcpLayout.fields;
  return asm.explain('TCP', [
    asm.label('tcp'),
    asm.storeMem(FP, Stack.TcpAt, R7, 4),
    loadBytes([asm.mov.reg(R2, R7)], Stack.Header, tcpLayout.size, 'next'),
    asm.loadField(R1, FP, flags, Stack.Header),
    asm.jset.imm(R1, TcpFlag.Syn, 'syn'),
    asm.ja('next'),
    asm.label('syn'),
    asm.lookupMap('tunnel_vips', Stack.Key),
    asm.jeq.imm(R0, 0, 'next', 'from no VIP of ours'),
    asm.loadField(R9, R0, vipLayout.fields.mss),
    asm.loadField(R8, FP, lengthAndReserved, Stack.Header),
    asm.rsh.imm(R8, 4),
    asm.lsh.imm(R8, 2),
    asm.add.reg(R8, R7),
    asm.add.imm(R7, tcpLayout.size),
  ]);
}

/** Looks at one option after the other; goes to `mss` with R7 at the MSS. */
function options(): asm.Code {
  const one = (index: number): asm.Code =>
    asm.scope(`option${index}`, [
      asm.jge.reg(R7, R8, 'next', 'no more options'),
      loadBytes([asm.mov.reg(R2, R7)], Stack.Option, 2, 'next'),
      asm.loadMem(R1, FP, Stack.Option, 1),
      asm.jeq.imm(R1, TcpOptionKind.End, 'next'),
      asm.jeq.imm(R1, TcpOptionKind.MaximumSegmentSize, 'mss'),
      asm.jeq.imm(R1, TcpOptionKind.NoOperation, 'single'),
      asm.loadMem(R1, FP, Stack.Option + 1, 1),
      asm.jlt.imm(R1, 2, 'next', 'an option counts itself'),
      asm.add.reg(R7, R1),
      asm.ja('done'),
      asm.label('single'),
      asm.add.imm(R7, 1),
      asm.label('done'),
    ]);
  return asm.explain('options', [
    Array.from({ length: optionsMost }, (_, index) => one(index)).flat(),
    asm.ja('next'),
  ]);
}

/** Writes the smaller MSS and mends the checksum, which the kernel may leave for the card to finish. */
function lower(): asm.Code {
  return asm.explain('lower the MSS', [
    asm.label('mss'),
    loadBytes([asm.mov.reg(R2, R7)], Stack.Option, mssBytes, 'next'),
    asm.loadMem(R1, FP, Stack.Option + 1, 1),
    asm.jne.imm(R1, mssBytes, 'next'),
    asm.loadMem(R3, FP, Stack.Option + 2, 2),
    asm.mov.reg(R1, R3),
    asm.toBigEndian(R1, 16),
    asm.jle.reg(R1, R9, 'next', 'small enough'),
    asm.mov.reg(R4, R9),
    asm.toBigEndian(R4, 16),
    asm.storeMem(FP, Stack.Option + 2, R4, 2),
    asm.jset.imm(R7, 1, 'odd', 'behind an odd number of bytes it lies across two words of the checksum'),
    asm.ja('even'),
    asm.label('odd'),
    asm.toBigEndian(R3, 16, 'swap'),
    asm.toBigEndian(R4, 16, 'swap'),
    asm.label('even'),
    asm.mov.reg(R1, R6),
    asm.loadMem(R2, FP, Stack.TcpAt, 4),
    asm.add.imm(R2, tcpLayout.offsetOf('checksum')),
    asm.mov.imm(R5, 2, 'words of two bytes'),
    asm.fn.l4CsumReplace.call(),
    asm.jne.imm(R0, 0, 'next'),
    asm.mov.reg(R1, R6),
    asm.mov.reg(R2, R7),
    asm.add.imm(R2, 2),
    asm.mov.reg(R3, FP),
    asm.add.imm(R3, Stack.Option + 2),
    asm.mov.imm(R4, 2),
    asm.mov.imm(R5, 0),
    asm.fn.skbStoreBytes.call(),
    asm.jne.imm(R0, 0, 'next'),
    asm.ja('count.mssLowered'),
  ]);
}

/** For tcx egress on the interfaces that answers to clients leave by. Maps: mapSpecs. */
export const clampProgram: ProgramSpec = {
  type: 'sched-cls',
  instructions: [begin(), ip4(), ip6(), tcp(), options(), lower(), ends(['mssLowered'], Stack.Index)],
};
