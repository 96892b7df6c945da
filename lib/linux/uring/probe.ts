import { HeadgateError, isHeadgateError } from '../../errors/index.ts';
import { AF_INET, IPPROTO_TCP, SOCK_STREAM } from '../constants.ts';
import { isSyscallError } from '../errno.ts';
import { IO_URING_OP_SUPPORTED, IORING_REGISTER_PROBE } from './abi/constants.ts';
import { opcodes, type Opcode } from './abi/opcodes.ts';
import { probeOpStruct, probeStruct } from './abi/structs.ts';
import { BufferGroup } from './buffer-group.ts';
import { direct } from './descriptor.ts';
import { DirectTable } from './direct-table.ts';
import { Memory } from './memory.ts';
import * as prepare from './prepare/index.ts';
import { Ring } from './ring.ts';
import type { RingMode } from './setup.ts';
import type { Sqe } from './sqe.ts';

/** What is not an operation by itself, and the kernel that brought it. */
export const featureKernels = {
  deferredTaskrun: '6.1',
  multishotAccept: '5.19',
  multishotReceive: '6.0',
  receiveBundle: '6.10',
  /** A limit of bytes on a multishot receive. */
  receiveLimit: '6.17',
  bufferRings: '5.19',
  directDescriptors: '6.0',
  socketOptions: '6.7',
} as const;

export type Feature = Opcode | keyof typeof featureKernels;

/** What io_uring can do here. */
export type UringSupport =
  | {
      readonly available: true;
      /** The best mode there is. */
      readonly mode: RingMode;
      readonly features: ReadonlySet<Feature>;
    }
  /** `reason` is one short line. */
  | { readonly available: false; readonly reason: string };

let cached: UringSupport | undefined;

/** Asks the kernel once and remembers; by trying, never by version. Never throws. */
export function uringSupport(): UringSupport {
  cached ??= probe();
  return cached;
}

/** Those of `needs` that are missing; all of them where io_uring is. */
export function missingFeatures(support: UringSupport, needs: readonly Feature[]): Feature[] {
  return needs.filter((feature) => !support.available || !support.features.has(feature));
}

/** Throws HEADGATE_URING_UNAVAILABLE, saying what is missing, unless all of `needs` are there. */
export function requireUring(needs: readonly Feature[], support: UringSupport = uringSupport()): void {
  if (!support.available) throw new HeadgateError('HEADGATE_URING_UNAVAILABLE', support.reason);
  const missing = missingFeatures(support, needs);
  if (missing.length === 0) return;
  const names = missing.map((feature) =>
    feature in featureKernels
      ? `${feature} (Linux ${featureKernels[feature as keyof typeof featureKernels]})`
      : feature,
  );
  const message = `io_uring lacks ${names.join(', ')}`;
  throw new HeadgateError('HEADGATE_URING_UNAVAILABLE', message, { facts: { missing } });
}

function probe(): UringSupport {
  let ring: Ring | undefined;
  try {
    ring = new Ring({ entries: 8 });
    return { available: true, mode: ring.mode, features: featuresOf(ring) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (isHeadgateError(error, 'HEADGATE_URING_UNAVAILABLE')) return { available: false, reason };
    return { available: false, reason: `io_uring does not work here: ${reason}` };
  } finally {
    ring?.close();
  }
}

function featuresOf(ring: Ring): Set<Feature> {
  const found = new Set<Feature>(supportedOperations(ring));
  const add = (feature: Feature, has: boolean): void => {
    if (has) found.add(feature);
  };
  add('deferredTaskrun', ring.mode === 'deferred-direct' || ring.mode === 'deferred');
  add(
    'bufferRings',
    registers(() => new BufferGroup(ring, { group: 0, buffers: 1, bufferBytes: 64 })),
  );
  add(
    'directDescriptors',
    registers(() => new DirectTable(ring, { slots: 2, reserved: 1 })),
  );
  add(
    'multishotAccept',
    isAccepted(ring, (sqe) => prepare.prepareAcceptMultishot(sqe, nowhere)),
  );
  add(
    'multishotReceive',
    isAccepted(ring, (sqe) => prepare.prepareReceiveMultishot(sqe, nowhere, 0)),
  );
  add(
    'receiveBundle',
    isAccepted(ring, (sqe) => prepare.prepareReceiveMultishot(sqe, nowhere, 0, { bundle: true })),
  );
  add(
    'receiveLimit',
    isAccepted(ring, (sqe) => prepare.prepareReceiveMultishot(sqe, nowhere, 0, { totalBytes: 1 })),
  );
  add('socketOptions', found.has('directDescriptors') && setsSocketOptions(ring));
  return found;
}

function supportedOperations(ring: Ring): Opcode[] {
  const count = 256;
  const answer = new Uint8Array(probeStruct.bytes + count * probeOpStruct.bytes);
  ring.register(IORING_REGISTER_PROBE, answer, count, 'a probe');
  const flagsAt = (opcode: number): number =>
    probeStruct.bytes + opcode * probeOpStruct.bytes + probeOpStruct.at.flags;
  const names = Object.keys(opcodes) as Opcode[];
  return names.filter((name) => (answer[flagsAt(opcodes[name])]! & IO_URING_OP_SUPPORTED) !== 0);
}

function registers(make: () => unknown): boolean {
  try {
    make();
    return true;
  } catch (error) {
    if (isSyscallError(error)) return false;
    throw error;
  }
}

/** No descriptor. The kernel reads a request before it looks for its file: what it knows fails with EBADF. */
const nowhere = -1;
const EBADF = 9;

function isAccepted(ring: Ring, write: (sqe: Sqe) => Sqe): boolean {
  write(ring.sqe(0, 0));
  return resultOf(ring) === -EBADF;
}

/** TCP_NODELAY on a socket in direct slot 0. */
function setsSocketOptions(ring: Ring): boolean {
  const TCP_NODELAY = 1;
  prepare.prepareSocketDirect(ring.sqe(0, 0), AF_INET, SOCK_STREAM, 0, 0);
  if (resultOf(ring) !== 0) return false;
  const value = Memory.anonymous(4);
  value.u32[0] = 1;
  prepare.prepareSetSocketOption(ring.sqe(0, 0), direct(0), IPPROTO_TCP, TCP_NODELAY, value.address, 4);
  const isSet = resultOf(ring) === 0;
  value.free();
  return isSet;
}

function resultOf(ring: Ring): number {
  ring.wait(1);
  let result = 0;
  ring.drain((_low, _high, answer) => (result = answer), 1);
  return result;
}
