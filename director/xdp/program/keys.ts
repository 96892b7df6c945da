import type { FieldPlace } from '../../../lib/layout/index.ts';
import { asm } from '../../../lib/linux/bpf/index.ts';
import { flowKeyLayout, serviceKeyLayout, serviceLayout } from '../../forward/index.ts';
import type { Family } from './family.ts';
import { Stack } from './frame.ts';

const { R1, R7, R8, FP } = asm;

/** The last word of the prefix of v4-mapped addresses, as it lies in memory: two zeros, two 0xff. */
const mappedWord = 0xffff_0000;

/** Copies the packet's address at `at` to the stack, IPv4 as v4-mapped. Clobbers R1. */
function copyAddress(family: Family, at: number, to: number): asm.Code {
  if (family.version === 6) return asm.copyBytes(FP, to, R7, at, 16, R1);
  return [
    asm.storeImm(FP, to, 0, 8),
    asm.storeImm(FP, to + 8, mappedWord, 4),
    asm.loadMem(R1, R7, at, 4),
    asm.storeMem(FP, to + 12, R1, 4),
  ];
}

/**
 * Writes the service key of the address at `address` and the port at `port` (undefined: that of the address
 * itself) to the stack. Clobbers R1.
 */
export function serviceKeyCode(family: Family, address: number, port: number | undefined): asm.Code {
  const { port: portField, family: familyField } = serviceKeyLayout.fields;
  const at = Stack.ServiceKey;
  return asm.explain('service key', [
    copyAddress(family, address, at),
    port === undefined
      ? asm.storeImm(FP, at + portField.offset, 0, 2)
      : [asm.loadMem(R1, R7, port, 2), asm.storeField(FP, portField, R1, at)],
    asm.storeImm(FP, at + familyField.offset, family.version, 2),
  ]);
}

/**
 * Writes the flow key of the client at `address` and `port` in the packet and the service whose index is at `index` in
 * R8. Clobbers R1.
 */
export function flowKeyCode(
  family: Family,
  address: number,
  port: number,
  index: FieldPlace = serviceLayout.fields.index,
): asm.Code {
  const { clientPort, service } = flowKeyLayout.fields;
  return asm.explain('flow key', [
    copyAddress(family, address, Stack.FlowKey),
    asm.loadMem(R1, R7, port, 2),
    asm.storeField(FP, clientPort, R1, Stack.FlowKey),
    asm.loadField(R1, R8, index),
    asm.storeField(FP, service, R1, Stack.FlowKey),
  ]);
}
