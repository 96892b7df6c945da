/**
 * Memory shared by processes (Linux): a nameless file that each maps, its descriptor inherited, and a lock in it that
 * outlives its holder. Numbers in it are changed with Atomics: V8 compiles them to the processor's atomic instructions
 * whatever buffer they work on, and the stress test of this room holds that between processes.
 */
export { OwnerLock, type LockStats } from './owner-lock.ts';
export { SharedMemory } from './shared-memory.ts';
