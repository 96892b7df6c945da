import { HeadgateError } from '../../../errors/index.ts';
import { testRun } from '../sys/attributes.ts';
import { attributesOf, bpf, pointerTo } from '../sys/bpf.ts';
import { Command } from '../sys/command.ts';
import { bpfError } from '../sys/errno.ts';

/** One run of a program on a packet of our own, without any interface (BPF_PROG_TEST_RUN). */
export interface TestRun {
  /** The packet; the kernel wants at least an Ethernet header (14 bytes) for XDP and tc. */
  readonly data: Uint8Array;
  /** The program's context (struct xdp_md, struct __sk_buff); default: the kernel makes one. */
  readonly context?: Uint8Array;
  /** Runs; from the second on the program gets its own output. Default 1. */
  readonly repeat?: number;
  /** BPF_F_TEST_*. */
  readonly flags?: number;
  /** Bytes the packet may have grown by afterwards. Default 512. */
  readonly growth?: number;
}

export interface TestResult {
  /** What the program answered, as an unsigned number. */
  readonly result: number;
  readonly data: Uint8Array;
  readonly context: Uint8Array;
  /** Nanoseconds per run, on average. */
  readonly durationNs: number;
}

const DEFAULT_GROWTH = 512;

/** Throws HEADGATE_BPF_PROGRAM when the kernel cannot run it, as for a packet that is too short. */
export function runProgram(name: string, fd: number, run: TestRun): TestResult {
  const { data, context, repeat = 1, flags = 0, growth = DEFAULT_GROWTH } = run;
  if (!Number.isInteger(repeat) || repeat < 1) {
    throw new HeadgateError('HEADGATE_BPF_SPEC', `eBPF program ${name}: cannot be run ${repeat} times`);
  }
  const dataOut = new Uint8Array(data.length + growth);
  const contextOut = new Uint8Array(context?.length ?? 0);
  const held = context === undefined ? [data, dataOut] : [data, dataOut, context, contextOut];
  const attributes = attributesOf(testRun, {
    programFd: fd,
    dataInBytes: data.length,
    dataOutBytes: dataOut.length,
    dataIn: pointerTo(data),
    dataOut: pointerTo(dataOut),
    repeat,
    contextInBytes: contextOut.length,
    contextOutBytes: contextOut.length,
    contextIn: pointerTo(context),
    contextOut: pointerTo(contextOut),
    flags,
  });
  const answer = bpf(Command.ProgramTestRun, attributes, held);
  if (answer < 0) {
    const what = `run eBPF program ${name} on a packet of ${data.length} bytes`;
    throw bpfError('HEADGATE_BPF_PROGRAM', what, Command.ProgramTestRun, answer, { program: name });
  }
  const { result, dataOutBytes, contextOutBytes, durationNs } = testRun.read(attributes);
  return {
    result,
    data: dataOut.subarray(0, dataOutBytes),
    context: contextOut.subarray(0, contextOutBytes),
    durationNs,
  };
}
