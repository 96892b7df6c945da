import { readFileSync } from 'node:fs';

/**
 * Why io_uring_setup(2) failed with `code`, in one short line; undefined when that says nothing of io_uring as such
 * (no memory, no descriptors). `disabled` is the sysctl kernel.io_uring_disabled, undefined where there is none.
 */
export function unavailableReason(code: string, disabled: number | undefined): string | undefined {
  switch (code) {
    case 'ENOSYS':
      return 'this kernel is built without io_uring or a seccomp filter hides it (ENOSYS)';
    case 'EPERM':
    case 'EACCES':
      return disabled === 1 || disabled === 2
        ? `forbidden by the sysctl kernel.io_uring_disabled = ${disabled} (${code})`
        : `forbidden by a seccomp filter or a security module, as in many containers (${code})`;
    case 'EINVAL':
      return 'this kernel is older than 5.5 (EINVAL)';
    default:
      return undefined;
  }
}

/** kernel.io_uring_disabled: 0 allowed, 1 for members of io_uring_group, 2 for nobody; undefined before kernel 6.6. */
export function readDisabledSysctl(): number | undefined {
  try {
    return Number(readFileSync('/proc/sys/kernel/io_uring_disabled', 'utf8'));
  } catch {
    // Older kernel, or /proc is not mounted: there is nothing to tell.
    return undefined;
  }
}
