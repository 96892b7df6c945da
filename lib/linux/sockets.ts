import { addressFamily, formatEndpoint, type Endpoint } from '../address/index.ts';
import * as constant from './constants.ts';
import { errnoName, syscallError } from './errno.ts';
import { libc } from './libc.ts';
import { decodeSockaddr, encodeSockaddr, sockaddrBytesMost } from './sockaddr.ts';

/**
 * A bound TCP socket for `server.listen({ fd }, backlog)`: SO_REUSEADDR, close-on-exec, non-blocking, IPv6 only for
 * IPv6, SO_REUSEPORT when `reusePort`. With `backlog` it also listens already, after `prepare`. Returns the descriptor, which the
 * caller owns. Throws HEADGATE_LINUX_SYSCALL (EADDRINUSE, EADDRNOTAVAIL, EACCES, EMFILE …) or _UNAVAILABLE.
 */
export function listeningSocket(options: {
  readonly endpoint: Endpoint;
  readonly reusePort: boolean;
  readonly backlog?: number;
  readonly prepare?: (fd: number) => void;
}): number {
  const { endpoint, reusePort, backlog, prepare } = options;
  const { socket, bind, listen, close, errno } = libc();
  const family = addressFamily(endpoint.host);
  const type = constant.SOCK_STREAM | constant.SOCK_CLOEXEC | constant.SOCK_NONBLOCK;
  const fd = socket(family === 4 ? constant.AF_INET : constant.AF_INET6, type, 0);
  if (fd < 0) throw syscallError('socket', errno());
  try {
    setNumber(fd, constant.SOL_SOCKET, constant.SO_REUSEADDR, 1);
    if (reusePort) setNumber(fd, constant.SOL_SOCKET, constant.SO_REUSEPORT, 1);
    if (family === 6) setNumber(fd, constant.IPPROTO_IPV6, constant.IPV6_V6ONLY, 1);
    const sockaddr = encodeSockaddr(endpoint);
    if (bind(fd, sockaddr, sockaddr.length) < 0)
      throw syscallError('bind', errno(), formatEndpoint(endpoint));
    prepare?.(fd);
    if (backlog !== undefined && listen(fd, backlog) < 0) {
      throw syscallError('listen', errno(), formatEndpoint(endpoint));
    }
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/**
 * A TCP socket to connect from `host`, whose port connect() will choose (IP_BIND_ADDRESS_NO_PORT), so that one port
 * serves connections to many destinations: close-on-exec, non-blocking. Returns the descriptor, which the caller owns.
 * Throws HEADGATE_LINUX_SYSCALL (EADDRNOTAVAIL, EMFILE …) or _UNAVAILABLE.
 */
export function boundSocket(host: string): number {
  const { socket, bind, close, errno } = libc();
  const type = constant.SOCK_STREAM | constant.SOCK_CLOEXEC | constant.SOCK_NONBLOCK;
  const fd = socket(addressFamily(host) === 4 ? constant.AF_INET : constant.AF_INET6, type, 0);
  if (fd < 0) throw syscallError('socket', errno());
  try {
    setNumber(fd, constant.IPPROTO_IP, constant.IP_BIND_ADDRESS_NO_PORT, 1);
    const sockaddr = encodeSockaddr({ host, port: 0 });
    if (bind(fd, sockaddr, sockaddr.length) < 0) throw syscallError('bind', errno(), host);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/**
 * TCP_USER_TIMEOUT (RFC 5482): ends the connection with ETIMEDOUT when sent data stays unacknowledged, or the
 * peer's window closed, for `timeoutMs`. Throws HEADGATE_LINUX_SYSCALL.
 */
export function setUserTimeout(fd: number, timeoutMs: number): void {
  setNumber(fd, constant.IPPROTO_TCP, constant.TCP_USER_TIMEOUT, timeoutMs);
}

/** setsockopt(2) of a whole number. Numbers of levels and options: constants.ts. Throws HEADGATE_LINUX_SYSCALL. */
export function setSocketOption(fd: number, level: number, name: number, value: number): void {
  setNumber(fd, level, name, value);
}

/** Ends the sending direction of a socket: FIN follows what was sent. Throws HEADGATE_LINUX_SYSCALL (ENOTCONN after RST). */
export function endSending(fd: number): void {
  const { shutdown, errno } = libc();
  if (shutdown(fd, constant.SHUT_WR) < 0) throw syscallError('shutdown', errno());
}

/**
 * Sends what a stream socket takes now, blocking or not, and returns how many bytes that were. Throws HEADGATE_LINUX_SYSCALL
 * (EAGAIN: none now; EPIPE: nobody reads any more).
 */
export function sendNow(fd: number, bytes: Uint8Array): number {
  const { send, errno } = libc();
  const sent = Number(send(fd, bytes, bytes.length, constant.MSG_DONTWAIT | constant.MSG_NOSIGNAL));
  if (sent < 0) throw syscallError('send', errno());
  return sent;
}

/** The local end of a socket (getsockname). Throws HEADGATE_LINUX_SYSCALL. */
export function localEndpoint(fd: number): Endpoint {
  const { getsockname, errno } = libc();
  const sockaddr = new Uint8Array(sockaddrBytesMost);
  const bytes = Uint32Array.of(sockaddr.byteLength);
  if (getsockname(fd, sockaddr, byteView(bytes)) < 0) throw syscallError('getsockname', errno());
  const endpoint = decodeSockaddr(sockaddr);
  if (endpoint === undefined) throw syscallError('getsockname', constant.EAFNOSUPPORT);
  return endpoint;
}

/**
 * The error that waits at a socket (SO_ERROR), such as `ECONNRESET`, and takes it away; undefined when there is none.
 * Throws HEADGATE_LINUX_SYSCALL.
 */
export function takeSocketError(fd: number): string | undefined {
  const error = new Uint32Array(1);
  getOption(fd, constant.SOL_SOCKET, constant.SO_ERROR, error);
  return error[0] === 0 ? undefined : errnoName(error[0]!);
}

/** The accept queue of a listening socket. */
export interface AcceptQueue {
  /** Established connections that wait to be accepted. */
  readonly queued: number;
  /** Most that may wait: the backlog of listen(), capped by somaxconn. */
  readonly backlog: number;
}

/**
 * struct tcp_info (include/uapi/linux/tcp.h): eight bytes of flags, then u32 fields. For a listening socket the
 * kernel (tcp_get_info) puts the queue's length into tcpi_unacked (byte 24) and its limit into tcpi_sacked (byte 28).
 */
const tcpInfo = { bytes: 32, queued: 24, backlog: 28 } as const;

/** Throws HEADGATE_LINUX_SYSCALL. */
export function acceptQueue(fd: number): AcceptQueue {
  const info = new Uint32Array(tcpInfo.bytes / 4);
  getOption(fd, constant.IPPROTO_TCP, constant.TCP_INFO, info);
  return { queued: info[tcpInfo.queued / 4] ?? 0, backlog: info[tcpInfo.backlog / 4] ?? 0 };
}

const number = new Int32Array(1);
const numberBytes = byteView(number);

function setNumber(fd: number, level: number, name: number, value: number): void {
  const { setsockopt, errno } = libc();
  number[0] = value;
  if (setsockopt(fd, level, name, numberBytes, 4) < 0) {
    throw syscallError('setsockopt', errno(), `level ${level} option ${name}`);
  }
}

function getOption(fd: number, level: number, name: number, into: Uint32Array): void {
  const { getsockopt, errno } = libc();
  const bytes = Uint32Array.of(into.byteLength);
  if (getsockopt(fd, level, name, byteView(into), byteView(bytes)) < 0) {
    throw syscallError('getsockopt', errno(), `level ${level} option ${name}`);
  }
}

function byteView(words: Int32Array | Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}
