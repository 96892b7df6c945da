import { getSystemErrorMap } from 'node:util';
import { HeadgateError, isHeadgateError } from '../errors/index.ts';

/**
 * The error of a failed system call: `bind 127.0.0.1:80: permission denied (EACCES)`. `call` is the call's name,
 * `about` what it was done to. Facts: `errno` (positive number), `code` (its name), `call`.
 */
export function syscallError(call: string, errno: number, about = ''): HeadgateError {
  // libuv's table has negative numbers on Unix; what it does not know is told by number.
  const [code, meaning] = getSystemErrorMap().get(-errno) ?? [`errno ${errno}`, 'failed'];
  const subject = about === '' ? call : `${call} ${about}`;
  return new HeadgateError('HEADGATE_LINUX_SYSCALL', `${subject}: ${meaning} (${code})`, {
    facts: { errno, code, call },
  });
}

/** Whether `error` is a failed system call, optionally with the given code (`EADDRINUSE`). */
export function isSyscallError(error: unknown, code?: string): error is HeadgateError {
  return (
    isHeadgateError(error, 'HEADGATE_LINUX_SYSCALL') && (code === undefined || error.facts['code'] === code)
  );
}
