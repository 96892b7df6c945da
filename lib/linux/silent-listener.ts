import { randomBytes } from 'node:crypto';
import { addressFamily, type Endpoint } from '../address/index.ts';
import { AF_INET, AF_INET6, IPPROTO_TCP, TCP_MD5SIG_EXT } from './constants.ts';
import { isSyscallError, syscallError } from './errno.ts';
import { libc } from './libc.ts';
import { attachFilter, dropAll } from './socket-filter.ts';
import { listeningSocket } from './sockets.ts';

/**
 * A socket that listens and neither answers nor takes anything: it keeps the kernel from answering RST for an endpoint. A
 * filter drops what comes; where the kernel keeps filters on TCP sockets to CAP_NET_ADMIN (Linux 6.18 does), every
 * peer is asked for a signature (RFC 2385) whose key nobody knows, and what comes without is dropped as silently.
 * Returns the descriptor, which the caller owns. Throws HEADGATE_LINUX_SYSCALL, HEADGATE_LINUX_UNAVAILABLE.
 */
export function silentListener(endpoint: Endpoint): number {
  const prepare = (fd: number): void => {
    try {
      attachFilter(fd, dropAll);
    } catch (error) {
      if (!isSyscallError(error, 'EPERM')) throw error;
      demandSignatures(fd, addressFamily(endpoint.host));
    }
  };
  return listeningSocket({ endpoint, reusePort: false, backlog: 1, prepare });
}

/**
 * struct tcp_md5sig (include/uapi/linux/tcp.h), here for all addresses:
 *
 *     0 struct sockaddr_storage (128) | 128 flags u8 | 129 prefix length u8 | 130 key bytes u16 | 132 ifindex | 136 key (80)
 */
const signature = { bytes: 216, flagsAt: 128, keyBytesAt: 130, keyAt: 136, keyBytes: 80 } as const;
/** TCP_MD5SIG_FLAG_PREFIX */
const prefixFlag = 1;

function demandSignatures(fd: number, family: 4 | 6): void {
  const { setsockopt, errno } = libc();
  const value = Buffer.alloc(signature.bytes);
  value.writeUInt16LE(family === 4 ? AF_INET : AF_INET6, 0);
  value.writeUInt8(prefixFlag, signature.flagsAt);
  value.writeUInt16LE(signature.keyBytes, signature.keyBytesAt);
  randomBytes(signature.keyBytes).copy(value, signature.keyAt);
  if (setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG_EXT, value, value.length) < 0) {
    throw syscallError('setsockopt', errno(), 'TCP_MD5SIG_EXT');
  }
}
