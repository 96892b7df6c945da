/** The eBPF program: what forward() says, in the kernel. One file per concern; frame.ts says what lies where. */
import { asm, type ProgramSpec } from '../../../lib/linux/bpf/index.ts';
import { answerCode } from './answer.ts';
import { endingsCode, sentCode } from './ending.ts';
import { familiesOf, type Family } from './family.ts';
import { tcpCode } from './flow.ts';
import { forms, type FormName } from './form.ts';
import { foreignIcmpCode, icmpCode } from './icmp.ts';
import { natCode } from './nat.ts';
import { ipCode, linkCode } from './parse.ts';
import { echoCode, resetCode, tooBigCode } from './reply.ts';
import { forwardCode } from './rewrite.ts';
import { slotFunction } from './sip-hash.ts';

export type { FormName } from './form.ts';
export { slotFunction } from './sip-hash.ts';

function familyCode(family: Family, tableSize: number): asm.Code {
  return asm.scope(family.name, [
    ipCode(family),
    tcpCode(family, tableSize),
    answerCode(family),
    forwardCode(family),
    natCode(family),
    icmpCode(family, tableSize),
    foreignIcmpCode(family),
    resetCode(family),
    echoCode(family),
    tooBigCode(family),
  ]);
}

/** The program of a form for the maps of maps.ts with tables of `tableSize` slots. */
export function forwardProgram(tableSize: number, name: FormName = 'xdp'): ProgramSpec {
  const form = forms[name];
  return {
    ...form.spec,
    instructions: [
      linkCode(form),
      familiesOf(form)
        .map((family) => familyCode(family, tableSize))
        .flat(),
      sentCode(form),
      endingsCode(form),
      slotFunction('slot', tableSize),
    ],
  };
}
