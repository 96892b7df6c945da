/** What balancers answer in mode nat, on its way back to clients; what forward/answer.ts says. */
import { asm } from '../../../lib/linux/bpf/index.ts';
import { TcpFlag, tcpLayout } from '../../../lib/packet/index.ts';
import {
  BalancerState,
  configLayout,
  flowLayout,
  FlowState,
  Mode,
  originLayout,
} from '../../forward/index.ts';
import type { Family } from './family.ts';
import { flowKeyCode, serviceKeyCode } from './keys.ts';
import { findFlow, findOwner } from './lookup.ts';
import { relabel, translateSegment } from './nat.ts';
import { leastBytes, lengthsCode, tcpLengthCode } from './parse.ts';
import { loadFlags, loadTick } from './segment.ts';
import { Stack } from './frame.ts';

const { R0, R1, R2, R3, R5, R8, R9 } = asm;

const flow = flowLayout.fields;
const origin = originLayout.fields;

/** At the label `noService`: TCP for no service of ours. In: R7; stack: FrameBytes. */
export function answerCode(family: Family): asm.Code {
  const { sourcePort, destinationPort } = tcpLayout.fields;
  return asm.explain(`an answer over IP${family.name}`, [
    asm.label('noService'),
    findOrigin(family, family.source, family.at + sourcePort.offset),
    lengthsCode(family, leastBytes.tcp(family)),
    tcpLengthCode(family),
    flowKeyCode(family, family.destination, family.at + destinationPort.offset, origin.service),
    findNatFlow('answerFlow'),
    loadFlags(family),
    asm.and.imm(R2, TcpFlag.Fin | TcpFlag.Rst),
    asm.jeq.imm(R2, 0, 'answer.seen'),
    asm.storeImm(R9, flow.state.offset, FlowState.Closing, flow.state.size),
    asm.label('answer.seen'),
    loadTick(),
    asm.storeField(R9, flow.lastSeen, R1),
    towardsClient('answerTo'),
    translateSegment(family, 'source', R8),
    asm.ja('answered'),
  ]);
}

/** R8 = whose answers come from the address and port in the packet at `address` and `port`; else passOther. */
export function findOrigin(family: Family, address: number, port: number): asm.Code {
  return [
    serviceKeyCode(family, address, port),
    asm.lookupMap('origins', Stack.ServiceKey),
    asm.jeq.imm(R0, 0, 'passOther', 'from no endpoint'),
    asm.mov.reg(R8, R0),
  ];
}

/** R9 = the flow of the stack's key, in mode nat to the balancer of R8; else passNoFlow or dropDead. */
export function findNatFlow(name: string): asm.Code {
  return [
    findFlow(name, 'passNoFlow'),
    asm.loadField(R1, R9, flow.mode),
    asm.jne.imm(R1, Mode.Nat, 'passNoFlow'),
    asm.loadField(R1, R9, flow.balancer),
    asm.loadField(R2, R8, origin.balancer),
    asm.jne.reg(R1, R2, 'passNoFlow', 'the flow of another balancer'),
    findOwner('passNoFlow'),
    asm.jeq.imm(R3, BalancerState.Dead, 'dropDead'),
  ];
}

/** Writes the MAC addresses. In: R9, the flow. Clobbers R1 to R5. */
export function towardsClient(name: string): asm.Code {
  const gateway = configLayout.offsetOf('gatewayMac');
  return asm.scope(name, [
    asm.loadMem(R1, R9, flow.clientMac.offset, 4),
    asm.loadMem(R2, R9, flow.clientMac.offset + 4, 2),
    asm.mov.reg(R3, R1),
    asm.or.reg(R3, R2),
    asm.jne.imm(R3, 0, 'known'),
    asm.loadMapValue(R5, 'config', gateway),
    asm.loadMem(R1, R5, 0, 4),
    asm.loadMem(R2, R5, 4, 2),
    asm.mov.reg(R3, R1),
    asm.or.reg(R3, R2),
    asm.jeq.imm(R3, 0, 'dropInternal', 'next hop not known'),
    asm.label('known'),
    relabel(),
  ]);
}
