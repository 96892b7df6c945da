/** TCP for a service: flow table, else Maglev table; what forward/segment.ts says. */
import { asm } from '../../../lib/linux/bpf/index.ts';
import { TcpFlag, tcpLayout } from '../../../lib/packet/index.ts';
import {
  balancerLayout,
  BalancerState,
  beginFlags,
  beginMask,
  configLayout,
  counterIndex,
  flowLayout,
  FlowState,
  forwardCounterIndex,
  noBalancer,
  serviceLayout,
  type ForwardCounter,
} from '../../forward/index.ts';
import { becauseOf } from './ending.ts';
import type { Family } from './family.ts';
import { Stack } from './frame.ts';
import { flowKeyCode, serviceKeyCode } from './keys.ts';
import { frameBytesCode, leastBytes, lengthsCode, tcpLengthCode } from './parse.ts';

const { R0, R1, R2, R3, R4, R7, R8, R9, FP } = asm;

const { Ack, Fin, Rst } = TcpFlag;
const flow = flowLayout.fields;
const balancer = balancerLayout.fields;

/** Remembers how the packet will be counted when it is sent. */
export function countsAs(counter: ForwardCounter): asm.Code {
  return asm.storeImm(FP, Stack.Forward, forwardCounterIndex(counter) * 8, 4, counter);
}

/** At the label `tcp`. In: R7, R8 the end. Goes to `forward`, `reset` or an ending. */
export function tcpCode(family: Family, tableSize: number): asm.Code {
  const { sourcePort, destinationPort } = tcpLayout.fields;
  return asm.explain(`TCP over IP${family.name}`, [
    asm.label('tcp'),
    frameBytesCode(),
    serviceKeyCode(family, family.destination, family.at + destinationPort.offset),
    asm.lookupMap('services', Stack.ServiceKey),
    asm.jeq.imm(R0, 0, 'passOther', 'no service of ours'),
    asm.mov.reg(R8, R0),
    lengthsCode(family, leastBytes.tcp(family)),
    tcpLengthCode(family),
    flowKeyCode(family, family.source, family.at + sourcePort.offset),
    findFlow('tcpFlow', 'begin'),
    findOwner('begin'),
    hitCode(family),
    beginCode(family, tableSize),
  ]);
}

/**
 * Finds the flow's entry.
 *
 * - out: R9, the entry; stack: Confirmed
 * - clobbers R0 to R5
 * - jumps to `missing`
 */
export function findFlow(name: string, missing: string): asm.Code {
  return asm.scope(name, [
    asm.storeImm(FP, Stack.Confirmed, 1, 4),
    asm.lookupMap('flows', Stack.FlowKey),
    asm.jne.imm(R0, 0, 'found'),
    asm.storeImm(FP, Stack.Confirmed, 0, 4),
    asm.lookupMap('flows_new', Stack.FlowKey),
    asm.jeq.imm(R0, 0, missing),
    asm.label('found'),
    asm.mov.reg(R9, R0),
  ]);
}

/**
 * Finds the balancer of the entry in R9.
 *
 * - out: R0, the balancer; R3, its state; stack: Balancer
 * - clobbers R1 to R5
 * - jumps to `missing` when the index lives another life by now
 */
export function findOwner(missing: string): asm.Code {
  return [
    asm.loadField(R1, R9, flow.balancer),
    asm.storeMem(FP, Stack.Balancer, R1, 4),
    asm.lookupMap('balancers', Stack.Balancer),
    asm.jeq.imm(R0, 0, missing),
    asm.loadField(R1, R0, balancer.generation),
    asm.loadField(R2, R9, flow.generation),
    asm.jne.reg(R1, R2, missing, 'another life of this index'),
    asm.loadField(R3, R0, balancer.state),
    asm.jeq.imm(R3, BalancerState.Absent, missing),
  ];
}

function loadFlags(family: Family): asm.Code {
  return asm.loadField(R2, R7, tcpLayout.fields.flags, family.at);
}

/** R1 = the date of this packet. Asking the kernel's clock, even the coarse one, takes 17 ns. */
function loadTick(): asm.Code {
  return [asm.loadMapValue(R1, 'config', configLayout.offsetOf('tick')), asm.loadMem(R1, R1, 0, 4)];
}

/** Jumps to `begins` for a SYN alone. In: R2, the flags. Clobbers R1. */
function ifBegins(target: string): asm.Code {
  return [
    asm.mov.reg(R1, R2),
    asm.and.imm(R1, beginMask),
    asm.jeq.imm(R1, beginFlags, target, 'a SYN that begins a connection'),
  ];
}

/** An entry and its balancer: R9, R0, R3. */
function hitCode(family: Family): asm.Code {
  const { acknowledgment } = tcpLayout.fields;
  return [
    loadFlags(family),
    ifBegins('again'),
    asm.jeq.imm(R3, BalancerState.Dead, 'bereaved'),
    asm.loadField(R4, R9, flow.state),
    asm.jset.imm(R2, Ack, 'acked'),
    asm.ja('ends?'),
    asm.label('acked'),
    asm.loadField(R1, R7, acknowledgment, family.at),
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
    asm.ja('follow'),
    asm.label('again'),
    asm.jeq.imm(R3, BalancerState.Dead, 'begin'),
    asm.loadField(R1, R9, flow.state),
    asm.jne.imm(R1, FlowState.Closing, 'follow'),
    asm.loadMem(R1, FP, Stack.Confirmed, 4),
    asm.jeq.imm(R1, 0, 'begin', 'whether a confirmed flow has ended its owner says'),
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

/**
 * The balancer of a new flow; what forward/pick.ts says.
 *
 * - in: R8, the service; stack: FlowKey
 * - out: R9, the balancer; stack: Balancer, Mode
 * - clobbers R0 to R5
 * - jumps to `none`
 */
export function pickCode(tableSize: number, none: string): asm.Code {
  return asm.explain('pick by the Maglev table', [
    asm.mov.reg(R1, FP),
    asm.add.imm(R1, Stack.FlowKey),
    asm.call('slot'),
    asm.mov.reg(R9, R0),
    asm.loadField(R1, R8, serviceLayout.fields.table),
    asm.storeMem(FP, Stack.Index, R1, 4),
    asm.lookupMap('tables', Stack.Index),
    asm.jeq.imm(R0, 0, none),
    // For the verifier.
    asm.jge.imm(R9, tableSize, none),
    asm.lsh.imm(R9, 1),
    asm.add.reg(R0, R9),
    asm.loadMem(R1, R0, 0, 2),
    asm.jeq.imm(R1, noBalancer, none),
    asm.storeMem(FP, Stack.Balancer, R1, 4),
    asm.lookupMap('balancers', Stack.Balancer),
    asm.jeq.imm(R0, 0, none),
    asm.loadField(R3, R0, balancer.state),
    asm.jeq.imm(R3, BalancerState.Absent, none),
    asm.jeq.imm(R3, BalancerState.Dead, none),
    asm.mov.reg(R9, R0),
    asm.loadField(R1, R8, serviceLayout.fields.mode),
    asm.storeMem(FP, Stack.Mode, R1, 4),
  ]);
}

/** No entry that holds. Makes one and goes to `forward`. */
function beginCode(family: Family, tableSize: number): asm.Code {
  const at = Stack.Flow;
  return [
    asm.label('begin'),
    pickCode(tableSize, 'nobody'),
    asm.loadMem(R1, FP, Stack.Balancer, 4),
    asm.storeField(FP, flow.balancer, R1, at),
    asm.loadField(R1, R9, balancer.generation),
    asm.storeField(FP, flow.generation, R1, at),
    asm.storeImm(FP, at + flow.state.offset, FlowState.Opening, 1),
    asm.loadMem(R1, FP, Stack.Mode, 4),
    asm.storeField(FP, flow.mode, R1, at),
    asm.storeImm(FP, at + flow.mode.offset + 1, 0, 2),
    asm.storeImm(FP, at + flow.lastAck.offset, 0, 4),
    loadTick(),
    asm.storeField(FP, flow.lastSeen, R1, at),
    loadFlags(family),
    countsAs('forwardNew'),
    ifBegins('store'),
    countsAs('forwardStray'),
    asm.jset.imm(R2, Ack, 'strayAck'),
    asm.ja('strayEnds?'),
    asm.label('strayAck'),
    asm.storeImm(FP, at + flow.state.offset, FlowState.Established, 1),
    asm.loadField(R1, R7, tcpLayout.fields.acknowledgment, family.at),
    asm.toBigEndian(R1, 32),
    asm.storeField(FP, flow.lastAck, R1, at),
    asm.label('strayEnds?'),
    asm.and.imm(R2, Fin | Rst),
    asm.jeq.imm(R2, 0, 'store'),
    asm.storeImm(FP, at + flow.state.offset, FlowState.Closing, 1),
    asm.label('store'),
    asm.updateMap('flows_new', Stack.FlowKey, at),
    asm.jeq.imm(R0, 0, 'stored'),
    asm.bumpCounter('flowLost', 'counters', counterIndex('flowLost'), Stack.Index),
    asm.label('stored'),
    asm.loadMem(R1, FP, Stack.Confirmed, 4),
    asm.jeq.imm(R1, 0, 'forward'),
    asm.deleteFromMap('flows', Stack.FlowKey),
    asm.ja('forward'),
    asm.label('nobody'),
    loadFlags(family),
    ifBegins('refuse'),
    asm.ja('dropNoBalancer'),
    asm.label('refuse'),
    becauseOf('resetNoBalancer'),
    asm.ja('reset'),
  ];
}
