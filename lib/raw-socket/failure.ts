import { HeadgateError } from '../errors/index.ts';

/** The texts of strerror(3) that raw sockets meet (glibc and musl agree on these, or both forms are here). */
const codes: Readonly<Record<string, string>> = {
  'operation not permitted': 'EPERM',
  'permission denied': 'EACCES',
  'resource temporarily unavailable': 'EAGAIN',
  'no buffer space available': 'ENOBUFS',
  'message too long': 'EMSGSIZE',
  'message too large': 'EMSGSIZE',
  'invalid argument': 'EINVAL',
  'network is unreachable': 'ENETUNREACH',
  'network unreachable': 'ENETUNREACH',
  'network is down': 'ENETDOWN',
  'no route to host': 'EHOSTUNREACH',
  'host is unreachable': 'EHOSTUNREACH',
  'too many open files': 'EMFILE',
  'no file descriptors available': 'EMFILE',
  'no such device or address': 'ENXIO',
  'protocol not supported': 'EPROTONOSUPPORT',
  'address family not supported by protocol': 'EAFNOSUPPORT',
};

/** The code of an error that the package threw: `EMSGSIZE`, or its text where that is not known. */
export function codeOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return codes[text.toLowerCase()] ?? text;
}

/** `what` is what failed, as `open a raw socket`. Facts: `code`. */
export function failure(what: string, error: unknown): HeadgateError {
  const code = codeOf(error);
  const facts = { code };
  if (code === 'EPERM' || code === 'EACCES') {
    return new HeadgateError('HEADGATE_RAW_SOCKET_PERMISSION', `${what}: not permitted (${code})`, { facts });
  }
  // The text of a known code says no more than the code's name; anything else is told by the cause.
  const known = error instanceof Error && error.message !== code;
  return known
    ? new HeadgateError('HEADGATE_RAW_SOCKET_FAILED', `${what}: ${error.message.toLowerCase()} (${code})`, {
        facts,
      })
    : new HeadgateError('HEADGATE_RAW_SOCKET_FAILED', what, { cause: error, facts });
}
