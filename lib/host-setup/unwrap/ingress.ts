/**
 * Takes the outer header off packets that come from one of our directors for one of our VIPs (RFC 2003, 2473, 4213), so
 * that this host's own stack gets what the client sent. Everything else goes its way untouched, counted where it looked
 * like a tunnel.
 *
 * Registers: R6 context, R7 bytes of the outer header. The stack, from the frame pointer down:
 *
 * ```
 *   -4   4  index of a counter
 *  -48  40  header: the outer one, then the inner one
 *  -80  32  tunnel: outer source and destination; then 16 bytes of it: the inner destination
 * ```
 */
import { asm, type ProgramSpec } from '../../linux/bpf/index.ts';
import { IpProtocol, ipv4Layout, ipv6Layout } from '../../packet/index.ts';
import { begin, ends, ipAt, keyAddress, loadBytes, raw16 } from './common.ts';
import { tunnelLayout } from './layouts.ts';

const { R0, R1, R2, R3, R4, R6, R7, FP } = asm;

const Stack = { Index: -4, Header: -48, Key: -80 } as const;

/** enum bpf_adj_room_mode and BPF_F_ADJ_ROOM_*, include/uapi/linux/bpf.h. */
const BPF_ADJ_ROOM_MAC = 1;
const FIXED_GSO = 1;
const NO_CSUM_RESET = 1 << 5;
const DECAP_L3 = { 4: 1 << 7, 6: 1 << 8 } as const;

/** The key of `tunnels`, then the lookup. */
function requireTunnel(version: 4 | 6): asm.Code {
  return [
    keyAddress(version, Stack.Header, 'source', Stack.Key + tunnelLayout.offsetOf('source')),
    keyAddress(version, Stack.Header, 'destination', Stack.Key + tunnelLayout.offsetOf('destination')),
    asm.lookupMap('tunnels', Stack.Key),
    asm.jeq.imm(R0, 0, 'count.tunnelForeignSource', 'not from a director to us'),
  ];
}

/** Goes to `inner4` or `inner6` with R7 set. */
function outer4(): asm.Code {
  const { versionAndLength, flagsAndFragment, protocol } = ipv4Layout.fields;
  return asm.explain('outer IPv4', [
    asm.label('v4'),
    loadBytes([asm.mov.imm(R2, ipAt)], Stack.Header, ipv4Layout.size, 'next'),
    asm.loadField(R1, FP, protocol, Stack.Header),
    asm.jeq.imm(R1, IpProtocol.Ipv4, 'tunnel4'),
    asm.jne.imm(R1, IpProtocol.Ipv6, 'next', 'no tunnel'),
    asm.label('tunnel4'),
    requireTunnel(4),
    asm.loadField(R1, FP, flagsAndFragment, Stack.Header),
    asm.jset.imm(R1, raw16(0x3fff), 'count.tunnelFragments', 'offset or more fragments'),
    asm.loadField(R7, FP, versionAndLength, Stack.Header),
    asm.jlt.imm(R7, 0x45, 'count.tunnelMalformed'),
    asm.jgt.imm(R7, 0x4f, 'count.tunnelMalformed'),
    asm.and.imm(R7, 0x0f),
    asm.lsh.imm(R7, 2, 'options go with the header'),
    asm.loadField(R1, FP, protocol, Stack.Header),
    asm.jeq.imm(R1, IpProtocol.Ipv4, 'inner4'),
    asm.ja('inner6'),
  ]);
}

/** Goes to `inner4` or `inner6` with R7 set. Tunnels of ours have no extension headers. */
function outer6(): asm.Code {
  const { nextHeader } = ipv6Layout.fields;
  return asm.explain('outer IPv6', [
    asm.label('v6'),
    loadBytes([asm.mov.imm(R2, ipAt)], Stack.Header, ipv6Layout.size, 'next'),
    asm.loadField(R1, FP, nextHeader, Stack.Header),
    asm.jeq.imm(R1, IpProtocol.Ipv4, 'tunnel6'),
    asm.jne.imm(R1, IpProtocol.Ipv6, 'next', 'no tunnel'),
    asm.label('tunnel6'),
    requireTunnel(6),
    asm.mov.imm(R7, ipv6Layout.size),
    asm.loadField(R1, FP, nextHeader, Stack.Header),
    asm.jeq.imm(R1, IpProtocol.Ipv4, 'inner4'),
    asm.ja('inner6'),
  ]);
}

/** The header inside, its destination, and off with the outer one. */
function inner(version: 4 | 6): asm.Code {
  const table = version === 4 ? ipv4Layout : ipv6Layout;
  return asm.explain(`inner IPv${version}`, [
    asm.label(`inner${version}`),
    loadBytes(
      [asm.mov.reg(R2, R7), asm.add.imm(R2, ipAt)],
      Stack.Header,
      table.size,
      'count.tunnelMalformed',
    ),
    // The first byte: version in the upper half.
    asm.loadMem(R1, FP, Stack.Header, 1),
    asm.rsh.imm(R1, 4),
    asm.jne.imm(R1, version, 'count.tunnelMalformed', 'not what the outer header says'),
    keyAddress(version, Stack.Header, 'destination', Stack.Key),
    asm.lookupMap('tunnel_vips', Stack.Key),
    asm.jeq.imm(R0, 0, 'count.tunnelForeignVip', 'for no VIP of ours'),
    asm.mov.reg(R1, R6),
    asm.mov.imm(R2, 0),
    asm.sub.reg(R2, R7),
    asm.mov.imm(R3, BPF_ADJ_ROOM_MAC),
    asm.mov.imm(R4, FIXED_GSO | NO_CSUM_RESET | DECAP_L3[version]),
    asm.fn.skbAdjustRoom.call(),
    asm.jne.imm(R0, 0, 'count.tunnelRefused', 'the kernel keeps the header'),
    asm.ja('count.unwrapped'),
  ]);
}

/** For tcx ingress on the interface that the directors' packets come in by. Maps: mapSpecs. */
export const unwrapProgram: ProgramSpec = {
  type: 'sched-cls',
  instructions: [
    begin(),
    outer4(),
    outer6(),
    inner(4),
    inner(6),
    ends(
      [
        'unwrapped',
        'tunnelForeignSource',
        'tunnelForeignVip',
        'tunnelFragments',
        'tunnelMalformed',
        'tunnelRefused',
      ],
      Stack.Index,
    ),
  ],
};
