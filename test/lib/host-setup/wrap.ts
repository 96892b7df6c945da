/** A director for tests: a program on the way out of a client that wraps packets for one VIP, as a director would. */
import { asm, type ProgramSpec } from '../../../lib/linux/bpf/index.ts';
import {
  buildIp,
  EtherType,
  fold,
  IpProtocol,
  ipBytes,
  ipv4Layout,
  ipv6Layout,
  sumWords,
} from '../../../lib/packet/index.ts';

const { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, FP } = asm;

/** struct __sk_buff */
const SKB_LENGTH = 0;
const SKB_PROTOCOL = 16;
/** BPF_F_ADJ_ROOM_ENCAP_L3_*, include/uapi/linux/bpf.h. */
const ENCAP_L3 = { 4: 1 << 1, 6: 1 << 2 } as const;

const Stack = { Address: -16, Ether: -24, Outer: -64 } as const;

export interface Wrapping {
  readonly vip: string;
  /** Of the outer header; of one family, which may be another than the VIP's. */
  readonly director: string;
  readonly host: string;
}

/** For tcx egress. */
export function wrapProgram({ vip, director, host }: Wrapping): ProgramSpec {
  const address = ipBytes(vip);
  const inner = address.length === 4 ? 4 : 6;
  const outer = ipBytes(director).length === 4 ? 4 : 6;
  const at = inner === 4 ? ipv4Layout.offsetOf('destination') : ipv6Layout.offsetOf('destination');
  const protocol = inner === 4 ? IpProtocol.Ipv4 : IpProtocol.Ipv6;
  const header = buildIp({ source: director, destination: host, protocol }, new Uint8Array(0));
  const length = outer === 4 ? ipv4Layout.offsetOf('totalLength') : ipv6Layout.offsetOf('payloadLength');
  const type = outer === 4 ? EtherType.Ipv4 : EtherType.Ipv6;
  return {
    type: 'sched-cls',
    instructions: [
      asm.mov.reg(R6, R1),
      asm.loadMem(R1, R6, SKB_PROTOCOL, 4),
      asm.jne.imm(R1, inner === 4 ? 0x0008 : 0xdd86, 'next'),
      call(asm.fn.skbLoadBytes, 14 + at, Stack.Address, address.length),
      asm.jne.imm(R0, 0, 'next'),
      words(address).flatMap((word, index) => [
        asm.loadMem(R1, FP, Stack.Address + index * 4, 4),
        asm.mov.imm32(R2, word | 0),
        asm.jne.reg32(R1, R2, 'next'),
      ]),
      asm.loadMem(R7, R6, SKB_LENGTH, 4, 'frame before wrapping'),
      asm.mov.reg(R1, R6),
      asm.mov.imm(R2, header.length),
      asm.mov.imm(R3, 1),
      asm.mov.imm(R4, ENCAP_L3[outer]),
      asm.fn.skbAdjustRoom.call(),
      asm.jne.imm(R0, 0, 'drop'),
      words(header).map((word, index) => asm.storeImm(FP, Stack.Outer + index * 4, word | 0, 4)),
      // IPv4 counts its header.
      asm.add.imm(R7, (outer === 4 ? header.length : 0) - 14),
      outer === 4 ? checksumCode(header) : [],
      asm.toBigEndian(R7, 16),
      asm.storeMem(FP, Stack.Outer + length, R7, 2),
      asm.storeImm(FP, Stack.Ether, ((type & 0xff) << 8) | (type >>> 8), 2),
      call(asm.fn.skbStoreBytes, 12, Stack.Ether, 2),
      call(asm.fn.skbStoreBytes, 14, Stack.Outer, header.length),
      asm.label('next'),
      asm.leave(-1),
      asm.label('drop'),
      asm.leave(2),
    ],
  };
}

/** The checksum over the header with the length in R7; bridges may look at it. Clobbers R8, R9. */
function checksumCode(header: Uint8Array): asm.Code {
  const blank = header.slice();
  ipv4Layout.write(blank, { totalLength: 0, checksum: 0 });
  return [
    asm.mov.imm(R8, fold(sumWords(blank))),
    asm.add.reg(R8, R7),
    asm.foldChecksum(R8, R9),
    asm.xor.imm(R8, 0xffff),
    asm.toBigEndian(R8, 16),
    asm.storeMem(FP, Stack.Outer + ipv4Layout.offsetOf('checksum'), R8, 2),
  ];
}

function call(helper: asm.Helper, offset: number, stack: number, bytes: number): asm.Code {
  return [
    asm.mov.reg(R1, R6),
    asm.mov.imm(R2, offset),
    asm.mov.reg(R3, FP),
    asm.add.imm(R3, stack),
    asm.mov.imm(R4, bytes),
    asm.mov.imm(R5, 0),
    helper.call(),
  ];
}

/** As they lie in memory, read little-endian. */
function words(bytes: Uint8Array): readonly number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(index * 4, true));
}
