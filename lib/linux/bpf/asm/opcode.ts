/**
 * The opcode byte (RFC 9669 section 3):
 *
 * ```
 * arithmetic and jumps        loads and stores
 * +-------+-+-----+           +-----+--+-----+
 * | code  |s|class|           |mode |sz|class|
 * +-------+-+-----+           +-----+--+-----+
 *     4    1   3                 3   2    3     bits, most significant first
 * ```
 *
 * The names in comments are the kernel's (include/uapi/linux/bpf.h).
 */
export const Class = {
  Load: 0x00, // BPF_LD
  LoadX: 0x01, // BPF_LDX
  Store: 0x02, // BPF_ST
  StoreX: 0x03, // BPF_STX
  Alu32: 0x04, // BPF_ALU
  Jump: 0x05, // BPF_JMP
  Jump32: 0x06, // BPF_JMP32
  Alu64: 0x07, // BPF_ALU64
} as const;
export const CLASS_MASK = 0x07;

/** Where the second operand comes from. */
export const Source = {
  Immediate: 0x00, // BPF_K
  Register: 0x08, // BPF_X
} as const;

export const AluCode = {
  Add: 0x00,
  Sub: 0x10,
  Mul: 0x20,
  Div: 0x30,
  Or: 0x40,
  And: 0x50,
  Lsh: 0x60,
  Rsh: 0x70,
  Neg: 0x80,
  Mod: 0x90,
  Xor: 0xa0,
  Mov: 0xb0,
  Arsh: 0xc0,
  End: 0xd0,
} as const;

export const JumpCode = {
  Always: 0x00, // BPF_JA
  Equal: 0x10,
  Greater: 0x20,
  GreaterEqual: 0x30,
  Set: 0x40,
  NotEqual: 0x50,
  SignedGreater: 0x60,
  SignedGreaterEqual: 0x70,
  Call: 0x80,
  Exit: 0x90,
  Less: 0xa0,
  LessEqual: 0xb0,
  SignedLess: 0xc0,
  SignedLessEqual: 0xd0,
} as const;
export const CODE_MASK = 0xf0;

export const Mode = {
  Immediate: 0x00, // BPF_IMM, the 64-bit immediate load
  Memory: 0x60, // BPF_MEM
  MemorySigned: 0x80, // BPF_MEMSX
  Atomic: 0xc0, // BPF_ATOMIC
} as const;
export const MODE_MASK = 0xe0;
export const SIZE_MASK = 0x18;

/** The opcode of the 64-bit immediate load, the only instruction of two slots. */
export const WIDE_OPCODE = 0x18;

/** Pseudo sources of the 64-bit immediate load: what its immediate means (BPF_PSEUDO_MAP_FD, _MAP_VALUE). */
export const WidePseudo = { Number: 0, MapFd: 1, MapValue: 2 } as const;

/** Pseudo sources of a call: a helper's number, or a distance in slots (BPF_PSEUDO_CALL). */
export const CallPseudo = { Helper: 0, Program: 1 } as const;

/** The immediate of an atomic instruction. */
export const AtomicCode = {
  Add: 0x00,
  Or: 0x40,
  And: 0x50,
  Xor: 0xa0,
  Exchange: 0xe1,
  CompareExchange: 0xf1,
} as const;
/** Added to an atomic code: the old value comes back in the source register (BPF_FETCH). */
export const ATOMIC_FETCH = 0x01;
