import type { Fields, Layout, Values } from '../../../layout/index.ts';
import { HeadgateError } from '../../../errors/index.ts';
import { Errno } from './errno.ts';
import type { Command } from './command.ts';
import { door } from './door.ts';

/** bpf(2)'s number (arch/x86/entry/syscalls/syscall_64.tbl; include/uapi/asm-generic/unistd.h for arm64). */
const SYSCALL_NUMBERS: Readonly<Record<string, number>> = { x64: 321, arm64: 280 };

/**
 * bpf(2)'s number on `architecture` (as process.arch has it), or undefined where headgate does not know it.
 */
export function bpfSyscallNumber(architecture: string): number | undefined {
  return SYSCALL_NUMBERS[architecture];
}

let number: number | undefined;

function syscallNumber(): number {
  number ??= bpfSyscallNumber(process.arch);
  if (number !== undefined) return number;
  throw new HeadgateError('HEADGATE_BPF_UNAVAILABLE', `no eBPF here: the processor is ${process.arch}`, {
    cure: 'run on x86-64 or arm64, or use forwarding: proxy',
  });
}

// Buffers whose addresses the kernel is reading: without this the collector may take them during the call.
const inFlight: { buffers: readonly Uint8Array[] } = { buffers: [] };

/**
 * Calls bpf(2). Answers its result (a descriptor, or 0), or the negative errno. `attributes` is read and
 * written by the kernel; `held` are the buffers whose addresses are in it. Interrupted calls are repeated.
 */
export function bpf(command: Command, attributes: Uint8Array, held: readonly Uint8Array[] = []): number {
  const kernel = door();
  inFlight.buffers = held;
  try {
    // EAGAIN: the verifier gave way to a signal; libbpf and cilium/ebpf try five times too.
    for (let attempts = 0; ; attempts++) {
      const result = Number(kernel.syscall(syscallNumber(), command, attributes, attributes.length));
      if (result >= 0) return result;
      const error = kernel.errno();
      const again = error === Errno.EINTR || error === Errno.EAGAIN;
      if (!again || attempts === 5) return -error;
    }
  } finally {
    inFlight.buffers = [];
  }
}

/** A zeroed attribute with these fields. */
export function attributesOf<F extends Fields>(table: Layout<F>, values: Partial<Values<F>>): Uint8Array {
  const attributes = new Uint8Array(table.size);
  table.write(attributes, values);
  return attributes;
}

/** Where a buffer lies, as attributes want it; empty and missing buffers are the null pointer. */
export function pointerTo(buffer: Uint8Array | undefined): bigint {
  return buffer === undefined || buffer.length === 0 ? 0n : door().address(buffer);
}
