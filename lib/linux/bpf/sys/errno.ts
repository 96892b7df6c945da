import { HeadgateError, type ErrorCode } from '../../../errors/index.ts';
import { syscallError } from '../../errno.ts';
import { Command, commandNames } from './command.ts';

/** errno values that are answers rather than failures (include/uapi/asm-generic/errno*.h). */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  E2BIG: 7,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENOSPC: 28,
  ENOTSUPP: 524,
  EOPNOTSUPP: 95,
} as const;

const NEEDS_CAPABILITY: ReadonlySet<Command> = new Set([
  Command.MapCreate,
  Command.ProgramLoad,
  Command.LinkCreate,
]);

/**
 * The error of a failed bpf(2): `what` failed, caused by the call's errno. `result` is the negative errno
 * that bpf() answered. EPERM of a command that makes something becomes HEADGATE_BPF_UNAVAILABLE, whose cure
 * names the capabilities; elsewhere it has other reasons (a frozen map, a link whose program is another one).
 */
export function bpfError(
  code: ErrorCode,
  what: string,
  command: Command,
  result: number,
  facts: Readonly<Record<string, unknown>> = {},
): HeadgateError {
  const cause = syscallError('bpf', -result, commandNames[command]);
  const kind = -result === Errno.EPERM && NEEDS_CAPABILITY.has(command) ? 'HEADGATE_BPF_UNAVAILABLE' : code;
  return new HeadgateError(kind, what, { cause, facts: { ...cause.facts, ...facts } });
}
