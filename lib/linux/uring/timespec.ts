import type { Memory } from './memory.ts';
import { timespecStruct } from './abi/structs.ts';

const nsPerMs = 1_000_000;
const msPerSecond = 1_000;

/** Bytes of one struct __kernel_timespec. */
export const timespecBytes = timespecStruct.bytes;

/** Writes a duration as a struct __kernel_timespec at byte `offset` of `memory` (a multiple of 8); returns its address. */
export function writeTimespec(memory: Memory, offset: number, durationMs: number): number {
  const seconds = Math.floor(durationMs / msPerSecond);
  const word = offset / 4;
  memory.u32[word] = seconds;
  memory.u32[word + 1] = 0;
  memory.u32[word + 2] = Math.floor((durationMs - seconds * msPerSecond) * nsPerMs);
  memory.u32[word + 3] = 0;
  return memory.address + offset;
}
