/**
 * An assembler for the eBPF machine (RFC 9669): functions make frozen instructions, arrays of them are
 * programs, and assemble() encodes them. Nothing here needs Linux or privileges.
 */
export {
  add,
  and,
  arsh,
  div,
  lsh,
  mod,
  mov,
  movSigned,
  mul,
  neg,
  or,
  rsh,
  sdiv,
  smod,
  sub,
  xor,
} from './alu.ts';
export type { AluOperation } from './alu.ts';
export { assemble, type Assembled, type MapRelocation } from './assemble.ts';
export { atomic } from './atomic.ts';
export { call, callHelper, fn, type Helper } from './call.ts';
export { explain, flatten, label, scope } from './code.ts';
export { decode } from './decode.ts';
export { disassemble, listing, type Disassemblable, type Line } from './disassemble.ts';
export { byteSwap, toBigEndian, toLittleEndian } from './endian.ts';
export { helperIds, helperName, type HelperName } from './helper.ts';
export { slotsOf, type Code, type Instruction, type Item, type Label } from './instruction.ts';
export {
  exit,
  ja,
  jaLong,
  jeq,
  jge,
  jgt,
  jle,
  jlt,
  jne,
  jset,
  jsge,
  jsgt,
  jsle,
  jslt,
  type Jump,
} from './jump.ts';
export { loadImm64, loadMap, loadMapValue, type MapReference } from './load-imm64.ts';
export { loadMem, loadMemSigned, storeImm, storeMem } from './load-store.ts';
export { FP, R0, R1, R10, R2, R3, R4, R5, R6, R7, R8, R9, type Register } from './register.ts';
export { Size } from './size.ts';
export {
  bumpCounter,
  copyBytes,
  deleteFromMap,
  foldChecksum,
  leave,
  loadField,
  loadPacket,
  lookupMap,
  requireBytes,
  storeField,
  tailCall,
  updateMap,
  UpdateFlag,
  xdpContext,
  zeroStack,
} from './macro/index.ts';
