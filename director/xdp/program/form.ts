/**
 * What differs between the forms of the program: on an XDP hook it gets frames as they are on the wire; on a tc hook
 * socket buffers, perhaps of many segments (GSO), with checksums that are still to be finished and headers of which only
 * a part can be read directly.
 */
import { asm, TcAction, XdpAction, type ProgramSpec } from '../../../lib/linux/bpf/index.ts';
import { Stack } from './frame.ts';
import { foldSum } from './checksum.ts';

const { R0, R1, R2, R3, R4, R5, R6, R7, R8, FP } = asm;

/** `xdp`: for real interfaces, and generic XDP; `tcx`: for veth and its like. */
export type FormName = 'xdp' | 'tcx';

/** Code reaches the label `dropInternal` where the kernel refuses. All work on the context in R6. */
export interface Form {
  readonly name: FormName;
  /** What the program gets in R6. */
  readonly context: 'xdp' | 'tc';
  readonly spec: Pick<ProgramSpec, 'type' | 'attachType'>;
  readonly pass: number;
  readonly drop: number;
  /** Sends the frame where it came in, and ends. */
  readonly send: asm.Code;
  /** R7, R8 = first byte and end of what can be read directly. */
  readonly load: asm.Code;
  /** R1 = bytes of the frame. */
  readonly frameBytes: asm.Code;
  /** Jumps to `target` when the frame had a VLAN tag that its bytes do not show. Clobbers R1. */
  ifTagged(target: string): asm.Code;
  /** Makes `bytes` bytes readable, or jumps to `target` when there are not as many. R7, R8 anew; clobbers R0 to R5. */
  require(name: string, bytes: number, target: string): asm.Code;
  /** Stack: SegmentBytes, of the longest IP packet this is on the wire. In: R3, headers up to TCP's end. Clobbers R1, R2. */
  readonly segmentBytes: asm.Code;
  /** Stack: SegmentBytes, of a packet that is no TCP. Clobbers R1. */
  readonly oneSegment: asm.Code;
  /** R1 = what these stored; IpBytes where a frame is a segment. */
  readonly loadSegmentBytes: asm.Code;
  /** Cuts the frame to `bytes`, one segment. Clobbers R0 to R5, R7. */
  cut(bytes: number): asm.Code;
  /** Makes room of `bytes` behind the Ethernet header, for an outer header of a tunnel or not. Clobbers R0 to R5, R7. */
  grow(bytes: number, outer?: 4 | 6): asm.Code;
  /** How far the Ethernet header lies behind the first byte after grow(). */
  macShift(grownBy: number): number;
  /**
   * Brings TCP's checksum in the frame at `at` up to date. In: R1, sum of what changed in the pseudo header; R3, in the
   * rest. Clobbers R0 to R5; R7 is lost.
   */
  replaceChecksum(at: number): asm.Code;
  /**
   * Runs `unfinished` when the checksum will be finished by whoever sends the frame, else `finished`. In: the 16 bits at
   * `at` are free to use. `bytes` of the frame are readable afterwards. Clobbers R0 to R5.
   */
  finish(at: number, bytes: number, finished: asm.Code, unfinished: asm.Code): asm.Code;
}

/** Offsets in struct __sk_buff (include/uapi/linux/bpf.h). */
const skb = { length: 0, vlanPresent: 20, ifindex: 40, gsoSize: 176 } as const;

/** enum bpf_adj_room_mode, BPF_F_ADJ_ROOM_*. */
const behindMac = 1;
const Room = { FixedGso: 1, OuterIpv4: 2, OuterIpv6: 4 } as const;

/** BPF_F_PSEUDO_HDR. */
const pseudoHeader = 0x10;

const xdp: Form = {
  name: 'xdp',
  context: 'xdp',
  spec: { type: 'xdp' },
  pass: XdpAction.Pass,
  drop: XdpAction.Drop,
  send: asm.leave(XdpAction.Tx),
  load: asm.loadPacket(R6, R7, R8),
  frameBytes: [asm.mov.reg(R1, R8), asm.sub.reg(R1, R7)],
  ifTagged: () => [],
  require: (_name, bytes, target) => asm.requireBytes(R7, R8, bytes, R1, target),
  segmentBytes: [],
  oneSegment: [],
  loadSegmentBytes: asm.loadMem(R1, FP, Stack.IpBytes, 4),
  cut: (bytes) => [
    asm.mov.reg(R1, R6),
    asm.mov.imm(R2, bytes),
    asm.loadMem(R3, FP, Stack.FrameBytes, 8),
    asm.sub.reg(R2, R3),
    asm.fn.xdpAdjustTail.call('cut the frame'),
    asm.jne.imm(R0, 0, 'dropInternal'),
  ],
  grow: (bytes) => [
    asm.mov.reg(R1, R6),
    asm.mov.imm(R2, -bytes),
    asm.fn.xdpAdjustHead.call('room for headers'),
    asm.jne.imm(R0, 0, 'dropInternal'),
  ],
  macShift: (grownBy) => grownBy,
  replaceChecksum: (at) => [
    asm.add.reg(R1, R3),
    asm.loadMem(R2, R7, at, 2),
    asm.xor.imm(R2, 0xffff),
    asm.add.reg(R2, R1),
    foldSum(R2, R3),
    asm.xor.imm(R2, 0xffff),
    asm.storeMem(R7, at, R2, 2),
  ],
  finish: (_at, _bytes, finished) => finished,
};

/** Adds R4 to the checksum at `at`, if it is a finished one or `flags` say that R4 is of the pseudo header. */
function addToChecksum(at: number, flags: number): asm.Code {
  return [
    asm.mov.reg(R1, R6),
    asm.mov.imm(R2, at),
    asm.mov.imm(R3, 0),
    asm.mov.imm(R5, flags),
    asm.fn.l4CsumReplace.call('update the checksum'),
    asm.jne.imm(R0, 0, 'dropInternal'),
  ];
}

const tcx: Form = {
  name: 'tcx',
  context: 'tc',
  spec: { type: 'sched-cls', attachType: 'tcx-ingress' },
  // Programs behind this one see it too.
  pass: TcAction.Next,
  drop: TcAction.Drop,
  send: [
    asm.loadMem(R1, R6, skb.ifindex, 4),
    asm.mov.imm(R2, 0),
    asm.fn.redirect.call('out where it came in'),
    asm.exit(),
  ],
  load: asm.loadPacket(R6, R7, R8, 'tc'),
  frameBytes: asm.loadMem(R1, R6, skb.length, 4),
  ifTagged: (target) => [asm.loadMem(R1, R6, skb.vlanPresent, 4), asm.jne.imm(R1, 0, target)],
  require: (name, bytes, target) =>
    asm.scope(name, [
      asm.requireBytes(R7, R8, bytes, R1, 'pull'),
      asm.ja('there'),
      asm.label('pull'),
      asm.loadMem(R1, R6, skb.length, 4),
      asm.jlt.imm(R1, bytes, target),
      asm.mov.reg(R1, R6),
      asm.mov.imm(R2, bytes),
      asm.fn.skbPullData.call('make them readable'),
      asm.loadPacket(R6, R7, R8, 'tc'),
      // No memory; at `target` they may go on with what was readable before.
      asm.requireBytes(R7, R8, bytes, R1, 'dropInternal'),
      asm.label('there'),
    ]),
  segmentBytes: asm.scope('segment', [
    asm.loadMem(R1, FP, Stack.IpBytes, 4),
    asm.loadMem(R2, R6, skb.gsoSize, 4),
    asm.jeq.imm(R2, 0, 'store'),
    asm.mov.reg(R1, R3),
    asm.add.reg(R1, R2),
    asm.label('store'),
    asm.storeMem(FP, Stack.SegmentBytes, R1, 4),
  ]),
  oneSegment: [asm.loadMem(R1, FP, Stack.IpBytes, 4), asm.storeMem(FP, Stack.SegmentBytes, R1, 4)],
  loadSegmentBytes: asm.loadMem(R1, FP, Stack.SegmentBytes, 4),
  cut: (bytes) => [
    asm.mov.reg(R1, R6),
    asm.mov.imm(R2, bytes),
    asm.mov.imm(R3, 0),
    asm.fn.skbChangeTail.call('cut the frame'),
    asm.jne.imm(R0, 0, 'dropInternal'),
  ],
  grow: (bytes, outer) => [
    asm.mov.reg(R1, R6),
    asm.mov.imm(R2, bytes),
    asm.mov.imm(R3, behindMac),
    // Segments stay as long as they are: segmentBytes fits.
    asm.mov.imm(
      R4,
      Room.FixedGso | (outer === undefined ? 0 : outer === 4 ? Room.OuterIpv4 : Room.OuterIpv6),
    ),
    asm.fn.skbAdjustRoom.call('room for headers'),
    asm.jne.imm(R0, 0, 'dropInternal'),
  ],
  macShift: () => 0,
  replaceChecksum: (at) => [
    foldSum(R1, R2),
    foldSum(R3, R2),
    asm.storeMem(FP, Stack.RestDiff, R3, 8),
    asm.mov.reg(R4, R1),
    addToChecksum(at, pseudoHeader),
    asm.loadMem(R4, FP, Stack.RestDiff, 8),
    addToChecksum(at, 0),
  ],
  finish: (at, bytes, finished, unfinished) => [
    // Nothing tells it, but the helper leaves an unfinished checksum alone.
    asm.storeImm(R7, at, 0, 2),
    asm.mov.imm(R4, 1),
    addToChecksum(at, 0),
    asm.loadPacket(R6, R7, R8, 'tc'),
    asm.requireBytes(R7, R8, bytes, R1, 'dropInternal'),
    asm.scope(`finish${at}`, [
      asm.loadMem(R1, R7, at, 2),
      asm.storeImm(R7, at, 0, 2),
      asm.jeq.imm(R1, 0, 'unfinished'),
      finished,
      asm.ja('done'),
      asm.label('unfinished'),
      unfinished,
      asm.label('done'),
    ]),
  ],
};

export const forms: Readonly<Record<FormName, Form>> = { xdp, tcx };
