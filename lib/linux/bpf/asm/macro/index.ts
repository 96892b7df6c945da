/**
 * Macros: functions that return instructions. Each documents registers in, out and clobbered, stack and jump
 * targets.
 */
export { loadPacket, requireBytes, xdpContext } from './packet.ts';
export { deleteFromMap, lookupMap, tailCall, updateMap, UpdateFlag } from './map.ts';
export { copyBytes, loadField, storeField, zeroStack } from './memory.ts';
export { foldChecksum } from './checksum.ts';
export { bumpCounter } from './counter.ts';
export { leave } from './leave.ts';
