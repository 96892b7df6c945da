/** Finds a flow's entry, its balancer, or the balancer of a new flow; what forward/pick.ts says. */
import { asm } from '../../../lib/linux/bpf/index.ts';
import {
  balancerLayout,
  BalancerState,
  flowLayout,
  Mode,
  noBalancer,
  serviceLayout,
} from '../../forward/index.ts';
import { Stack } from './frame.ts';

const { R0, R1, R2, R3, R8, R9, FP } = asm;

const flow = flowLayout.fields;
const balancer = balancerLayout.fields;

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

/** Goes on when the entry R9, whose balancer was not found, is one of a proxied flow. Clobbers R1. */
export function unlessProxied(target: string): asm.Code {
  return [
    asm.loadField(R1, R9, flow.mode),
    asm.jne.imm(R1, Mode.Proxy, target),
    asm.loadField(R1, R9, flow.balancer),
    asm.jne.imm(R1, noBalancer, target),
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
