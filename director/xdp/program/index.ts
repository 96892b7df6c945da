/** The eBPF program: what forward() says, in the kernel. One file per concern; frame.ts says what lies where. */
import { asm, type ProgramSpec } from '../../../lib/linux/bpf/index.ts';
import { endingsCode, sentCode } from './ending.ts';
import type { Family } from './family.ts';
import { tcpCode } from './flow.ts';
import { icmpCode } from './icmp.ts';
import { bothFamilies, ipCode, linkCode } from './parse.ts';
import { echoCode, resetCode, tooBigCode } from './reply.ts';
import { forwardCode } from './rewrite.ts';
import { slotFunction } from './sip-hash.ts';

export { slotFunction } from './sip-hash.ts';

function familyCode(family: Family, tableSize: number): asm.Code {
  return asm.scope(family.name, [
    ipCode(family),
    tcpCode(family, tableSize),
    forwardCode(family),
    icmpCode(family, tableSize),
    resetCode(family),
    echoCode(family),
    tooBigCode(family),
  ]);
}

/** The XDP program for the maps of maps.ts with tables of `tableSize` slots. */
export function forwardProgram(tableSize: number): ProgramSpec {
  return {
    type: 'xdp',
    instructions: [
      linkCode(),
      bothFamilies.map((family) => familyCode(family, tableSize)).flat(),
      sentCode(),
      endingsCode(),
      slotFunction('slot', tableSize),
    ],
  };
}
