import {
  FilterCode,
  filterInstructionsMost,
  fromNetworkHeader,
  takeAll,
  type FilterInstruction,
} from '../../lib/linux/index.ts';
import { ipv4Layout, ipv6Layout } from '../../lib/packet/index.ts';

/** TCP packets to an address, 4 or 16 bytes, and a port in a range. */
export interface ReceiveRule {
  readonly address: Uint8Array;
  readonly first: number;
  readonly last: number;
}

/** Most instructions of one rule: five loads of 32 bits with a comparison each, and the end. */
const ruleInstructionsMost = 13;
export const receiveRulesMost = Math.floor((filterInstructionsMost - 1) / ruleInstructionsMost);

/** The filter of a raw TCP socket that takes what any of the rules says; all are of one family. Throws RangeError. */
export function receiveFilter(rules: readonly ReceiveRule[]): readonly FilterInstruction[] {
  if (rules.length > receiveRulesMost) throw new RangeError(`at most ${receiveRulesMost} rules fit a filter`);
  return [...rules.flatMap(ruleCode), { code: FilterCode.Return, operand: 0 }];
}

function ruleCode({ address, first, last }: ReceiveRule): FilterInstruction[] {
  const layoutAt =
    address.length === 4 ? ipv4Layout.offsetOf('destination') : ipv6Layout.offsetOf('destination');
  const words = new DataView(address.buffer, address.byteOffset, address.byteLength);
  const tests: FilterInstruction[] = [];
  for (let at = 0; at < address.length; at += 4) {
    tests.push({ code: FilterCode.LoadWord, operand: fromNetworkHeader + layoutAt + at });
    tests.push({ code: FilterCode.JumpEqual, operand: words.getUint32(at) });
  }
  // The destination port: behind an IPv4 header of any length, or where an IPv6 raw socket's packet begins.
  if (address.length === 4) {
    tests.push(
      { code: FilterCode.LoadIpv4Length, operand: 0 },
      { code: FilterCode.LoadHalfIndexed, operand: 2 },
    );
  } else tests.push({ code: FilterCode.LoadHalf, operand: 2 });
  tests.push({ code: FilterCode.JumpGreaterOrEqual, operand: first });
  // Above `last` it is not ours: the next rule lies behind the one instruction that takes the packet.
  const code = [...tests, { code: FilterCode.JumpGreater, operand: last, whenTrue: 1 }, takeAll];
  return code.map((instruction, at) => {
    const compares =
      instruction.code === FilterCode.JumpEqual || instruction.code === FilterCode.JumpGreaterOrEqual;
    return compares ? { ...instruction, whenFalse: code.length - at - 1 } : instruction;
  });
}
