/** Unwraps IPv4 in IPv4 on eth0 of this host until it ends: what a tunnel device would do. */
import { readFileSync } from 'node:fs';
import { asm, Link, Program, TcAction } from '../../../lib/linux/bpf/index.ts';
import { EtherType, ethernetLayout, IpProtocol, ipv4Layout } from '../../../lib/packet/index.ts';

const { R0, R1, R2, R3, R4, R6, R7, R8 } = asm;
const ipAt = ethernetLayout.size;
/** BPF_ADJ_ROOM_MAC; BPF_F_ADJ_ROOM_FIXED_GSO and BPF_F_ADJ_ROOM_DECAP_L3_IPV4. */
const behindMac = 1;
const flags = 1 | (1 << 7);

const program = Program.load('hg_unwrap', {
  type: 'sched-cls',
  attachType: 'tcx-ingress',
  instructions: [
    asm.mov.reg(R6, R1),
    asm.loadPacket(R6, R7, R8, 'tc'),
    asm.requireBytes(R7, R8, ipAt + ipv4Layout.size, R1, 'pass'),
    asm.loadField(R1, R7, ethernetLayout.fields.etherType),
    asm.toBigEndian(R1, 16),
    asm.jne.imm(R1, EtherType.Ipv4, 'pass'),
    asm.loadField(R1, R7, ipv4Layout.fields.protocol, ipAt),
    asm.jne.imm(R1, IpProtocol.Ipv4, 'pass'),
    asm.mov.reg(R1, R6),
    asm.mov.imm(R2, -ipv4Layout.size),
    asm.mov.imm(R3, behindMac),
    asm.mov.imm(R4, flags),
    asm.fn.skbAdjustRoom.call(),
    asm.jeq.imm(R0, 0, 'pass'),
    asm.leave(TcAction.Drop),
    asm.label('pass'),
    asm.leave(TcAction.Next),
  ],
});
Link.attachTcx(program, Number(readFileSync('/sys/class/net/eth0/ifindex', 'utf8')), 'ingress');
console.log('unwrapping');
setInterval(() => undefined, 60_000);
