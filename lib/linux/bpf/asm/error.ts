import { HeadgateError } from '../../../errors/index.ts';

/** A program that cannot be encoded: always a fault of whoever wrote it, never of its input. */
export function assemblyError(problem: string, facts: Readonly<Record<string, unknown>> = {}): HeadgateError {
  return new HeadgateError('HEADGATE_BPF_ASSEMBLY', `assemble eBPF: ${problem}`, { facts });
}
