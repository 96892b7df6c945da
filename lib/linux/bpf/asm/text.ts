import { helperName } from './helper.ts';
import type { Instruction } from './instruction.ts';
import {
  AluCode,
  ATOMIC_FETCH,
  AtomicCode,
  CallPseudo,
  Class,
  CLASS_MASK,
  CODE_MASK,
  JumpCode,
  Mode,
  MODE_MASK,
  Source,
  WIDE_OPCODE,
  WidePseudo,
} from './opcode.ts';
import { opcodeSize } from './size.ts';

/** Names that the bytes do not hold. */
export interface Names {
  readonly target: string | undefined;
  readonly map: string | undefined;
}

const ALU: Readonly<Record<number, string>> = {
  [AluCode.Add]: '+=',
  [AluCode.Sub]: '-=',
  [AluCode.Mul]: '*=',
  [AluCode.Div]: '/=',
  [AluCode.Or]: '|=',
  [AluCode.And]: '&=',
  [AluCode.Lsh]: '<<=',
  [AluCode.Rsh]: '>>=',
  [AluCode.Mod]: '%=',
  [AluCode.Xor]: '^=',
  [AluCode.Mov]: '=',
  [AluCode.Arsh]: 's>>=',
};

const JUMP: Readonly<Record<number, string>> = {
  [JumpCode.Equal]: '==',
  [JumpCode.Greater]: '>',
  [JumpCode.GreaterEqual]: '>=',
  [JumpCode.Set]: '&',
  [JumpCode.NotEqual]: '!=',
  [JumpCode.SignedGreater]: 's>',
  [JumpCode.SignedGreaterEqual]: 's>=',
  [JumpCode.Less]: '<',
  [JumpCode.LessEqual]: '<=',
  [JumpCode.SignedLess]: 's<',
  [JumpCode.SignedLessEqual]: 's<=',
};

const ATOMIC: Readonly<Record<number, readonly [operator: string, fetch: string]>> = {
  [AtomicCode.Add]: ['+=', 'atomic_fetch_add'],
  [AtomicCode.Or]: ['|=', 'atomic_fetch_or'],
  [AtomicCode.And]: ['&=', 'atomic_fetch_and'],
  [AtomicCode.Xor]: ['^=', 'atomic_fetch_xor'],
};

/**
 * One instruction in the notation of the kernel's and LLVM's disassemblers: `w` registers are the lower
 * halves. What is no instruction reads `unknown opcode 0x…`.
 */
export function instructionText(item: Instruction, names: Names): string {
  const known = text(item, names);
  return known ?? `unknown opcode 0x${item.opcode.toString(16).padStart(2, '0')}`;
}

function text(item: Instruction, names: Names): string | undefined {
  switch (item.opcode & CLASS_MASK) {
    case Class.Alu32:
      return arithmetic(item, 'w');
    case Class.Alu64:
      return arithmetic(item, 'r');
    case Class.Jump:
      return jump(item, names, 'r');
    case Class.Jump32:
      return jump(item, names, 'w');
    case Class.Load:
      return item.opcode === WIDE_OPCODE ? wideLoad(item, names) : undefined;
    default:
      return memory(item);
  }
}

function arithmetic(item: Instruction, letter: 'r' | 'w'): string | undefined {
  const dst = `${letter}${item.dst}`;
  const code = item.opcode & CODE_MASK;
  const fromRegister = (item.opcode & Source.Register) !== 0;
  if (code === AluCode.Neg) return fromRegister ? undefined : `${dst} = -${dst}`;
  if (code === AluCode.End) {
    if (letter === 'r')
      return fromRegister ? undefined : `r${item.dst} = bswap${item.immediate} r${item.dst}`;
    return `r${item.dst} = ${fromRegister ? 'be' : 'le'}${item.immediate} r${item.dst}`;
  }
  const operator = ALU[code];
  if (operator === undefined) return undefined;
  const operand = fromRegister ? `${letter}${item.src}` : String(item.immediate);
  if (code === AluCode.Mov && item.offset !== 0) return `${dst} = (s${item.offset})${operand}`;
  const signed = (code === AluCode.Div || code === AluCode.Mod) && item.offset === 1 ? 's' : '';
  return `${dst} ${signed}${operator} ${operand}`;
}

function jump(item: Instruction, { target = '?' }: Names, letter: 'r' | 'w'): string | undefined {
  const code = item.opcode & CODE_MASK;
  if (code === JumpCode.Always) return `${letter === 'w' ? 'gotol' : 'goto'} ${target}`;
  const operator = JUMP[code];
  if (operator !== undefined) {
    const fromRegister = (item.opcode & Source.Register) !== 0;
    const operand = fromRegister ? `${letter}${item.src}` : String(item.immediate);
    return `if ${letter}${item.dst} ${operator} ${operand} goto ${target}`;
  }
  if (letter === 'w') return undefined;
  if (code === JumpCode.Exit) return 'exit';
  return item.src === CallPseudo.Program ? `call ${target}` : `call ${helperName(item.immediate)}`;
}

function wideLoad(item: Instruction, names: Names): string | undefined {
  const upper = item.upper ?? 0;
  const map = `map[${names.map ?? `fd ${item.immediate}`}]`;
  switch (item.src) {
    case WidePseudo.Number: {
      const value = (BigInt.asUintN(32, BigInt(upper)) << 32n) | BigInt.asUintN(32, BigInt(item.immediate));
      return `r${item.dst} = 0x${value.toString(16)} ll`;
    }
    case WidePseudo.MapFd:
      return `r${item.dst} = ${map}`;
    case WidePseudo.MapValue:
      return `r${item.dst} = &${map}[${upper}]`;
    default:
      return undefined;
  }
}

function place(register: number, offset: number, type: string): string {
  return `*(${type} *)(r${register} ${offset < 0 ? '-' : '+'} ${Math.abs(offset)})`;
}

function memory(item: Instruction): string | undefined {
  const bits = opcodeSize(item.opcode) * 8;
  const mode = item.opcode & MODE_MASK;
  const kind = item.opcode & CLASS_MASK;
  if (kind === Class.LoadX) {
    if (mode === Mode.Memory) return `r${item.dst} = ${place(item.src, item.offset, `u${bits}`)}`;
    return mode === Mode.MemorySigned
      ? `r${item.dst} = ${place(item.src, item.offset, `s${bits}`)}`
      : undefined;
  }
  const target = place(item.dst, item.offset, `u${bits}`);
  if (mode === Mode.Memory) return `${target} = ${kind === Class.Store ? item.immediate : `r${item.src}`}`;
  return mode === Mode.Atomic && kind === Class.StoreX && bits >= 32 ? atomic(item, bits) : undefined;
}

function atomic(item: Instruction, bits: number): string | undefined {
  const type = `u${bits}`;
  const target = place(item.dst, item.offset, type);
  const register = `${bits === 32 ? 'w' : 'r'}${item.src}`;
  const pointer = target.slice(1);
  if (item.immediate === AtomicCode.Exchange) return `${register} = xchg_${bits}${pair(item, register)}`;
  if (item.immediate === AtomicCode.CompareExchange) {
    const result = bits === 32 ? 'w0' : 'r0';
    return `${result} = cmpxchg_${bits}(r${item.dst} ${signedText(item.offset)}, ${result}, ${register})`;
  }
  const found = ATOMIC[item.immediate & ~ATOMIC_FETCH];
  if (found === undefined) return undefined;
  return (item.immediate & ATOMIC_FETCH) === 0
    ? `lock ${target} ${found[0]} ${register}`
    : `${register} = ${found[1]}(${pointer}, ${register})`;
}

function pair(item: Instruction, register: string): string {
  return `(r${item.dst} ${signedText(item.offset)}, ${register})`;
}

function signedText(offset: number): string {
  return `${offset < 0 ? '-' : '+'} ${Math.abs(offset)}`;
}
