/** Answers of our own: RST, ICMP echo and "too big"; what forward/reset.ts, icmp.ts and rewrite.ts say. */
import { asm } from '../../../lib/linux/bpf/index.ts';
import {
  ethernetLayout,
  icmpLayout,
  IpProtocol,
  ipv4Layout,
  ipv6Layout,
  TcpFlag,
  tcpLayout,
} from '../../../lib/packet/index.ts';
import { ownTtl } from '../../forward/index.ts';
import { raw16 } from './byte-order.ts';
import { addWords, finishChecksum, updateWord } from './checksum.ts';
import { becauseOf } from './ending.ts';
import { ipAt, type Family } from './family.ts';
import { Stack } from './frame.ts';
import { reload } from './rewrite.ts';

const { R1, R2, R3, R4, R5, R7, FP } = asm;

const macAt = ethernetLayout.fields;

/** Writes the MAC addresses of the Ethernet header at `from`, swapped, to the front. Clobbers R1 to R4. */
function swapMacs(from = 0): asm.Code {
  const { destination, source } = macAt;
  return [
    asm.loadMem(R1, R7, from + source.offset, 4),
    asm.loadMem(R2, R7, from + source.offset + 4, 2),
    asm.loadMem(R3, R7, from + destination.offset, 4),
    asm.loadMem(R4, R7, from + destination.offset + 4, 2),
    asm.storeMem(R7, destination.offset, R1, 4),
    asm.storeMem(R7, destination.offset + 4, R2, 2),
    asm.storeMem(R7, source.offset, R3, 4),
    asm.storeMem(R7, source.offset + 4, R4, 2),
  ];
}

/** Writes the IP addresses of the header `shift` bytes behind the first one, swapped, to the first. Clobbers R1, R2. */
function swapAddresses(family: Family, shift = 0): asm.Code {
  const { addressBytes, source, destination } = family;
  const size = addressBytes === 4 ? 4 : 8;
  return Array.from({ length: addressBytes / size }, (_, part) => [
    asm.loadMem(R1, R7, shift + source + part * size, size),
    asm.loadMem(R2, R7, shift + destination + part * size, size),
    asm.storeMem(R7, destination + part * size, R1, size),
    asm.storeMem(R7, source + part * size, R2, size),
  ]).flat();
}

/** Writes all of an IP header but the addresses, which must be there for the checksum. Clobbers R1, R2. */
function ownHeader(family: Family, protocol: number, payloadBytes: number): asm.Code {
  const put = (offset: number, value: number, size: number) => asm.storeImm(R7, ipAt + offset, value, size);
  if (family.version === 6) {
    const { payloadLength, nextHeader, hopLimit } = ipv6Layout.fields;
    return [
      put(0, 0x60, 4),
      put(payloadLength.offset, raw16(payloadBytes), 2),
      put(nextHeader.offset, protocol, 1),
      put(hopLimit.offset, ownTtl, 1),
    ];
  }
  const { totalLength, id, flagsAndFragment, ttl, protocol: protocolAt, checksum } = ipv4Layout.fields;
  return [
    put(0, 0x45, 2),
    put(totalLength.offset, raw16(ipv4Layout.size + payloadBytes), 2),
    put(id.offset, 0, 2),
    put(flagsAndFragment.offset, raw16(0x4000), 2),
    put(ttl.offset, ownTtl, 1),
    put(protocolAt.offset, protocol, 1),
    put(checksum.offset, 0, 2),
    asm.mov.imm(R1, 0),
    addWords(R1, R2, ipAt, ipv4Layout.size),
    finishChecksum(R1, R2),
    asm.storeMem(R7, ipAt + checksum.offset, R1, 2),
  ];
}

/**
 * R1 = checksum of the first `summed` of the `bytes` bytes behind the IP header, with pseudo header or without. Clobbers
 * R2.
 */
function transportChecksum(
  family: Family,
  protocol: number,
  bytes: number,
  pseudo: boolean,
  summed = bytes,
): asm.Code {
  return [
    asm.mov.imm(R1, pseudo ? raw16(protocol) + raw16(bytes) : 0),
    pseudo ? addWords(R1, R2, family.source, family.addressBytes * 2) : [],
    addWords(R1, R2, family.at, summed),
    finishChecksum(R1, R2),
  ];
}

/**
 * Answers with RST, counted as the stack's Reason. At the label `reset`.
 *
 * - in: R7, a TCP frame; stack: FrameBytes, IpBytes, Reason
 */
export function resetCode(family: Family): asm.Code {
  const { at } = family;
  const tcp = tcpLayout.fields;
  return asm.explain('answer with RST', [
    asm.label('reset'),
    family.form.cut(family.tcpFrameBytes),
    reload(family, family.tcpFrameBytes),
    asm.loadField(R3, R7, tcp.acknowledgment, at, 'our sequence number'),
    asm.mov.imm(R4, 0, 'our acknowledgment'),
    asm.mov.imm(R5, TcpFlag.Rst),
    asm.loadField(R1, R7, tcp.flags, at),
    asm.jset.imm(R1, TcpFlag.Ack, 'reset.write'),
    asm.mov.imm(R5, TcpFlag.Rst | TcpFlag.Ack),
    asm.mov.imm(R3, 0),
    asm.loadField(R4, R7, tcp.sequence, at),
    asm.toBigEndian(R4, 32),
    asm.loadMem(R2, FP, Stack.IpBytes, 4),
    asm.add.reg(R4, R2),
    asm.sub.imm(R4, family.ipBytes),
    asm.loadField(R2, R7, tcp.lengthAndReserved, at),
    asm.rsh.imm(R2, 4),
    asm.lsh.imm(R2, 2),
    asm.sub.reg(R4, R2),
    // FIN is bit 0, SYN bit 1: each counts as a byte.
    asm.mov.reg(R2, R1),
    asm.and.imm(R2, 1),
    asm.add.reg(R4, R2),
    asm.rsh.imm(R1, 1),
    asm.and.imm(R1, 1),
    asm.add.reg(R4, R1),
    asm.toBigEndian(R4, 32),
    asm.label('reset.write'),
    asm.storeField(R7, tcp.sequence, R3, at),
    asm.storeField(R7, tcp.acknowledgment, R4, at),
    asm.storeField(R7, tcp.flags, R5, at),
    asm.storeImm(R7, at + tcp.lengthAndReserved.offset, (tcpLayout.size / 4) << 4, 1),
    asm.storeImm(R7, at + tcp.window.offset, 0, 2),
    asm.storeImm(R7, at + tcp.checksum.offset, 0, 2),
    asm.storeImm(R7, at + tcp.urgent.offset, 0, 2),
    asm.loadField(R1, R7, tcp.sourcePort, at),
    asm.loadField(R2, R7, tcp.destinationPort, at),
    asm.storeField(R7, tcp.sourcePort, R2, at),
    asm.storeField(R7, tcp.destinationPort, R1, at),
    swapMacs(),
    swapAddresses(family),
    ownHeader(family, IpProtocol.Tcp, tcpLayout.size),
    family.form.finish(
      at + tcp.checksum.offset,
      family.tcpFrameBytes,
      [
        transportChecksum(family, IpProtocol.Tcp, tcpLayout.size, true),
        asm.storeField(R7, tcp.checksum, R1, at),
      ],
      [
        // The sum of the pseudo header is what it is finished from.
        transportChecksum(family, IpProtocol.Tcp, tcpLayout.size, true, 0),
        asm.xor.imm(R1, 0xffff),
        asm.storeField(R7, tcp.checksum, R1, at),
      ],
    ),
    asm.ja('reply'),
  ]);
}

/** Answers an ICMP echo. At the label `echo`. In: R7, an ICMP frame. */
export function echoCode(family: Family): asm.Code {
  const { type, checksum } = icmpLayout.fields;
  return asm.explain('answer an echo', [
    asm.label('echo'),
    becauseOf('echo'),
    swapMacs(),
    swapAddresses(family),
    family.version === 4 ? ownTtlV4() : asm.storeImm(R7, ipAt + ipv6Layout.offsetOf('hopLimit'), ownTtl, 1),
    asm.loadMem(R1, R7, family.at + type.offset, 2),
    updateWord(family.at + checksum.offset, R1, family.icmp.echoReply, R2, R3),
    asm.storeImm(R7, family.at + type.offset, family.icmp.echoReply, 1),
    asm.ja('reply'),
  ]);
}

function ownTtlV4(): asm.Code {
  const { ttl, protocol, checksum } = ipv4Layout.fields;
  return [
    // TTL and protocol are one word of the checksum; the protocol is known.
    asm.loadMem(R1, R7, ipAt + ttl.offset, 2),
    updateWord(ipAt + checksum.offset, R1, ownTtl | (IpProtocol.Icmp << 8), R2, R3),
    asm.storeImm(R7, ipAt + ttl.offset, ownTtl, 1),
    asm.storeImm(R7, ipAt + protocol.offset, IpProtocol.Icmp, 1),
  ];
}

/**
 * Answers a segment that does not fit the tunnel. At the label `tooBig`. In: stack: Mtu (as the packet has it),
 * FrameBytes.
 */
export function tooBigCode(family: Family): asm.Code {
  const { form } = family;
  const grownBy = family.ipBytes + icmpLayout.size;
  const quoted = family.ipBytes + tcpLayout.size;
  const bytes = ipAt + grownBy + quoted;
  const { protocol, tooBig, tooBigCode: code } = family.icmp;
  const pseudo = family.version === 6;
  const checksumAt = family.at + icmpLayout.offsetOf('checksum');
  const quotedChecksumAt = bytes - tcpLayout.size + tcpLayout.offsetOf('checksum');
  return asm.explain('answer "too big"', [
    asm.label('tooBig'),
    becauseOf('tooBig'),
    form.cut(ipAt + quoted),
    form.grow(grownBy),
    reload(family, bytes),
    swapMacs(form.macShift(grownBy)),
    asm.storeImm(R7, macAt.etherType.offset, raw16(family.etherType), 2),
    swapAddresses(family, grownBy),
    ownHeader(family, protocol, icmpLayout.size + quoted),
    asm.storeImm(R7, family.at, tooBig | (code << 8), 4),
    // 32 bits of MTU in ICMPv6, the lower half of them in ICMP.
    asm.storeImm(R7, family.at + icmpLayout.offsetOf('first'), 0, 2),
    asm.loadMem(R1, FP, Stack.Mtu, 4),
    asm.storeMem(R7, family.at + icmpLayout.offsetOf('second'), R1, 2),
    form.finish(
      checksumAt,
      bytes,
      [
        transportChecksum(family, protocol, icmpLayout.size + quoted, pseudo),
        asm.storeMem(R7, checksumAt, R1, 2),
      ],
      [
        // It is the quoted TCP header that will be finished, to a sum of zero when its checksum begins as zero.
        asm.storeImm(R7, quotedChecksumAt, 0, 2),
        transportChecksum(family, protocol, icmpLayout.size + quoted, pseudo, grownBy),
        asm.storeMem(R7, checksumAt, R1, 2),
      ],
    ),
    asm.ja('reply'),
  ]);
}
