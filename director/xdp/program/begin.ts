/** TCP without an entry that holds; what begin() in forward/segment.ts says. */
import { asm } from '../../../lib/linux/bpf/index.ts';
import { ethernetLayout, TcpFlag, tcpLayout } from '../../../lib/packet/index.ts';
import {
  balancerLayout,
  configLayout,
  counterIndex,
  flowLayout,
  FlowState,
  Mode,
  proxyOwner,
  serviceLayout,
  type PlaneCounter,
} from '../../forward/index.ts';
import { becauseOf } from './ending.ts';
import type { Family } from './family.ts';
import { Stack } from './frame.ts';
import { pickCode } from './lookup.ts';
import { countsAs, ifBegins, loadFlags, loadTick } from './segment.ts';

const { R0, R1, R2, R7, R8, R9, FP } = asm;

const { Ack, Fin, Rst } = TcpFlag;
const flow = flowLayout.fields;
const balancer = balancerLayout.fields;

/** No entry that holds. Makes one and goes to `forward`, or to `passProxy`. At the label `begin`. In: R8, the service. */
export function beginCode(family: Family, tableSize: number): asm.Code {
  const at = Stack.Flow;
  return asm.explain('a flow that begins', [
    asm.label('begin'),
    asm.loadField(R1, R8, serviceLayout.fields.mode),
    asm.jeq.imm(R1, Mode.Proxy, 'begin.proxied'),
    asm.loadMapValue(R1, 'config', configLayout.offsetOf('refuseNew')),
    asm.loadMem(R1, R1, 0, 1),
    asm.jne.imm(R1, 0, 'full'),
    asm.label('begin.pick'),
    pickCode(tableSize, 'nobody'),
    asm.loadMem(R1, FP, Stack.Balancer, 4),
    asm.storeField(FP, flow.balancer, R1, at),
    asm.loadField(R1, R9, balancer.generation),
    asm.storeField(FP, flow.generation, R1, at),
    asm.loadMem(R1, FP, Stack.Mode, 4),
    asm.storeField(FP, flow.mode, R1, at),
    entryCode('begins', family),
    asm.ja('forward'),
    asm.label('begin.proxied'),
    asm.storeImm(FP, at + flow.balancer.offset, proxyOwner.balancer, 2),
    asm.storeImm(FP, at + flow.generation.offset, proxyOwner.generation, 2),
    asm.storeImm(FP, at + flow.mode.offset, proxyOwner.mode, 1),
    entryCode('beginsProxied', family),
    asm.ja('passProxy'),
    refusal(family, 'full', 'resetFull', 'begin.pick'),
    refusal(family, 'nobody', 'resetNoBalancer', 'dropNoBalancer'),
  ]);
}

/** At the label `name`: a SYN is answered with RST, anything else goes to `otherwise`. */
function refusal(family: Family, name: string, because: PlaneCounter, otherwise: string): asm.Code {
  return [
    asm.label(name),
    loadFlags(family),
    ifBegins(`${name}.reset`),
    asm.ja(otherwise),
    asm.label(`${name}.reset`),
    becauseOf(because),
    asm.ja('reset'),
  ];
}

/** Completes the entry on the stack, stores it and removes the one whose place it takes. R8 and R9 stay. */
function entryCode(name: string, family: Family): asm.Code {
  const at = Stack.Flow;
  return asm.scope(name, [
    asm.storeImm(FP, at + flow.state.offset, FlowState.Opening, 1),
    asm.storeImm(FP, at + flow.mode.offset + 1, 0, 2),
    // Its padding too.
    asm.storeImm(FP, at + flow.clientMac.offset, 0, 8),
    asm.loadMem(R1, FP, at + flow.mode.offset, 1),
    asm.jne.imm(R1, Mode.Nat, 'date'),
    asm.copyBytes(FP, at + flow.clientMac.offset, R7, ethernetLayout.offsetOf('source'), 6, R1),
    asm.label('date'),
    asm.storeImm(FP, at + flow.lastAck.offset, 0, 4),
    loadTick(),
    asm.storeField(FP, flow.lastSeen, R1, at),
    loadFlags(family),
    countsAs('forwardNew'),
    ifBegins('store'),
    countsAs('forwardStray'),
    asm.jset.imm(R2, Ack, 'ack'),
    asm.ja('ends?'),
    asm.label('ack'),
    asm.storeImm(FP, at + flow.state.offset, FlowState.Established, 1),
    asm.loadField(R1, R7, tcpLayout.fields.acknowledgment, family.at),
    asm.toBigEndian(R1, 32),
    asm.storeField(FP, flow.lastAck, R1, at),
    asm.label('ends?'),
    asm.and.imm(R2, Fin | Rst),
    asm.jeq.imm(R2, 0, 'store'),
    asm.storeImm(FP, at + flow.state.offset, FlowState.Closing, 1),
    asm.label('store'),
    asm.updateMap('flows_new', Stack.FlowKey, at),
    asm.jeq.imm(R0, 0, 'stored'),
    asm.bumpCounter('flowLost', 'counters', counterIndex('flowLost'), Stack.Index),
    asm.label('stored'),
    asm.loadMem(R1, FP, Stack.Confirmed, 4),
    asm.jeq.imm(R1, 0, 'done'),
    asm.deleteFromMap('flows', Stack.FlowKey),
    asm.label('done'),
  ]);
}
