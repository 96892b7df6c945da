/** TCP for a service: flow table, else Maglev table; what forward/segment.ts says. */
import { asm } from '../../../lib/linux/bpf/index.ts';
import { ethernetLayout, TcpFlag, tcpLayout } from '../../../lib/packet/index.ts';
import { BalancerState, flowLayout, FlowState, Mode } from '../../forward/index.ts';
import { beginCode } from './begin.ts';
import { becauseOf } from './ending.ts';
import type { Family } from './family.ts';
import { Stack } from './frame.ts';
import { flowKeyCode, serviceKeyCode } from './keys.ts';
import { findFlow, findOwner, unlessProxied } from './lookup.ts';
import { frameBytesCode, leastBytes, lengthsCode, tcpLengthCode } from './parse.ts';
import { countsAs, ifBegins, loadFlags, loadTick } from './segment.ts';

const { R0, R1, R2, R3, R4, R7, R8, R9, FP } = asm;

const { Ack, Fin, Rst } = TcpFlag;
const flow = flowLayout.fields;

/** At the label `tcp`. In: R7, R8 the end. Goes to `forward`, `reset` or an ending. */
export function tcpCode(family: Family, tableSize: number): asm.Code {
  const { sourcePort, destinationPort } = tcpLayout.fields;
  return asm.explain(`TCP over IP${family.name}`, [
    asm.label('tcp'),
    frameBytesCode(family),
    serviceKeyCode(family, family.destination, family.at + destinationPort.offset),
    asm.lookupMap('services', Stack.ServiceKey),
    asm.jeq.imm(R0, 0, 'noService'),
    asm.mov.reg(R8, R0),
    lengthsCode(family, leastBytes.tcp(family)),
    tcpLengthCode(family),
    family.form.segmentBytes,
    flowKeyCode(family, family.source, family.at + sourcePort.offset),
    findFlow('tcpFlow', 'begin'),
    findOwner('ownerless'),
    hitCode(family),
    proxiedCode(family),
    beginCode(family, tableSize),
  ]);
}

/** Notes a segment that does not begin a connection in the entry R9. In: R2, the flags. Clobbers R1, R2, R4. */
function noteCode(name: string, family: Family): asm.Code {
  return asm.scope(name, [
    asm.loadField(R4, R9, flow.state),
    asm.jset.imm(R2, Ack, 'acked'),
    asm.ja('ends?'),
    asm.label('acked'),
    asm.loadField(R1, R7, tcpLayout.fields.acknowledgment, family.at),
    asm.toBigEndian(R1, 32),
    asm.storeField(R9, flow.lastAck, R1),
    asm.jne.imm(R4, FlowState.Opening, 'ends?'),
    asm.storeImm(R9, flow.state.offset, FlowState.Established, flow.state.size),
    asm.label('ends?'),
    asm.and.imm(R2, Fin | Rst),
    asm.jeq.imm(R2, 0, 'seen'),
    asm.storeImm(R9, flow.state.offset, FlowState.Closing, flow.state.size),
    asm.label('seen'),
    loadTick(),
    asm.storeField(R9, flow.lastSeen, R1),
  ]);
}

/**
 * Goes on for a SYN that follows the entry R9, which opens again if it was closing; to `begin` when an ended flow begins anew.
 * Clobbers R1.
 */
function followsCode(name: string): asm.Code {
  return asm.scope(name, [
    asm.loadField(R1, R9, flow.state),
    asm.jne.imm(R1, FlowState.Closing, 'yes'),
    asm.loadMem(R1, FP, Stack.Confirmed, 4),
    asm.jeq.imm(R1, 0, 'begin', 'whether a confirmed flow has ended its owner says'),
    asm.storeImm(R9, flow.state.offset, FlowState.Opening, flow.state.size, 'its client may be back'),
    asm.label('yes'),
  ]);
}

/** An entry without a balancer: it is a proxied flow's, or does not hold. At the label `ownerless`. In: R9. */
function proxiedCode(family: Family): asm.Code {
  return [
    asm.label('ownerless'),
    unlessProxied('begin'),
    loadFlags(family),
    ifBegins('proxied.again'),
    noteCode('proxied', family),
    asm.ja('passProxy'),
    asm.label('proxied.again'),
    followsCode('proxied.follows'),
    asm.ja('passProxy'),
  ];
}

/** An entry and its balancer: R9, R0, R3. */
function hitCode(family: Family): asm.Code {
  return [
    loadFlags(family),
    ifBegins('again'),
    asm.jeq.imm(R3, BalancerState.Dead, 'bereaved'),
    noteCode('hit', family),
    asm.loadField(R1, R9, flow.mode),
    asm.jne.imm(R1, Mode.Nat, 'follow'),
    asm.copyBytes(R9, flow.clientMac.offset, R7, ethernetLayout.offsetOf('source'), 6, R1),
    asm.ja('follow'),
    asm.label('again'),
    asm.jeq.imm(R3, BalancerState.Dead, 'begin'),
    followsCode('follows'),
    asm.label('follow'),
    countsAs('forwardHit'),
    asm.loadField(R1, R9, flow.mode),
    asm.storeMem(FP, Stack.Mode, R1, 4),
    asm.mov.reg(R9, R0),
    asm.ja('forward'),
    asm.label('bereaved'),
    asm.jset.imm(R2, Rst, 'dropDead', 'never answer RST with RST'),
    becauseOf('resetDead'),
    asm.ja('reset'),
  ];
}
