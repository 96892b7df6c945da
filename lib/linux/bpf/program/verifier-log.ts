/** What the end of a verifier log says. */
export interface VerifierVerdict {
  /** Why the program was refused: the last meaningful lines, at most two, joined by "; ". */
  readonly reason: string;
  /** The slot it is about, as far as the log says. */
  readonly slot?: number;
}

/** Lines that say nothing about the fault: statistics, states and how the walk came here. */
const NOISE = [
  /^processed \d+ insns/,
  /^verification time /,
  /^stack depth /,
  /^max_states_per_insn/,
  /^mark_precise:/,
  /^\d+: R\d/,
  /^(from|parent|last_idx|regs=|cur state:|old state:)/,
  /^; /,
  /^\s*$/,
];

/** An instruction as the verifier prints it: `5: (71) r0 = …`, perhaps followed by its state. */
const INSTRUCTION = /^(\d+): \([0-9a-f]{2}\) /;
/** Faults found before the walk name the slot in words. */
const NAMED = /\binsn[ #]?(\d+)\b/;

/** Finds the reason and the place in a verifier's log. An empty log gives an empty reason. */
export function readVerifierLog(log: string): VerifierVerdict {
  const lines = log.split('\n').filter((line) => !NOISE.some((noise) => noise.test(line)));
  const last = lines.findLastIndex((line) => INSTRUCTION.test(line));
  // What is wrong comes after the instruction; a second line often says why.
  const reason = lines
    .slice(last + 1)
    .slice(-2)
    .map((line) => line.trim())
    .join('; ');
  const named = NAMED.exec(reason);
  const slotText = named?.[1] ?? INSTRUCTION.exec(lines[last] ?? '')?.[1];
  return slotText === undefined ? { reason } : { reason, slot: Number(slotText) };
}
