/** The system calls of this room. */
import { createRequire } from 'node:module';
import type Koffi from 'koffi';
import { HeadgateError } from '../../errors/index.ts';
import { SOCK_CLOEXEC, SOCK_NONBLOCK } from '../constants.ts';
import { errnoName, syscallError } from '../errno.ts';
import { libc } from '../libc.ts';
import { setSocketOption } from '../sockets.ts';
import * as constant from './constants.ts';
import { sockaddrLayout } from './layouts.ts';

/** Most bytes of one datagram; the kernel makes dumps of at most 32 KiB each. */
const datagramBytesMost = 65_536;

/** A datagram, nothing that waits, or events that were lost because nobody read them in time (ENOBUFS). */
export type Received = Uint8Array | 'nothing' | 'overrun';

interface Calls {
  readonly sendto: (
    fd: number,
    bytes: Uint8Array,
    length: number,
    flags: number,
    to: Uint8Array,
    toBytes: number,
  ) => number;
  readonly recvfrom: (
    fd: number,
    into: Uint8Array,
    length: number,
    flags: number,
    from: Uint8Array,
    fromBytes: Uint8Array,
  ) => number;
}

let loaded: Calls | undefined;

function calls(): Calls {
  if (loaded !== undefined) return loaded;
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  const library = koffi.load(null);
  loaded = {
    sendto: library.func('intptr_t sendto(int, const void *, size_t, int, const void *, unsigned int)'),
    recvfrom: library.func('intptr_t recvfrom(int, void *, size_t, int, void *, void *)'),
  };
  return loaded;
}

/** The address of the kernel. */
const kernel = sockaddrLayout.encode({ family: constant.AF_NETLINK, port: 0, groups: 0 });

/** A netlink socket that never blocks. Owns its descriptor. */
export class NetlinkSocket {
  readonly fd: number;
  readonly #buffer = new Uint8Array(datagramBytesMost);
  readonly #from = new Uint8Array(sockaddrLayout.size);
  readonly #fromBytes = new Uint8Array(4);
  #closed = false;

  /**
   * Joins the multicast `groups` (RTNLGRP_*). Throws HEADGATE_LINUX_SYSCALL, or HEADGATE_LINUX_UNAVAILABLE where there
   * are no system calls.
   */
  constructor(groups: readonly number[] = []) {
    const { socket, bind, errno } = libc();
    const type = constant.SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK;
    const fd = socket(constant.AF_NETLINK, type, constant.NETLINK_ROUTE);
    if (fd < 0) throw syscallError('socket', errno(), 'of netlink');
    this.fd = fd;
    try {
      for (const option of [constant.NETLINK_EXT_ACK, constant.NETLINK_CAP_ACK])
        setSocketOption(fd, constant.SOL_NETLINK, option, 1);
      const mask = groups.reduce((sum, group) => sum | (1 << (group - 1)), 0) >>> 0;
      const address = sockaddrLayout.encode({ family: constant.AF_NETLINK, port: 0, groups: mask });
      if (bind(fd, address, address.length) < 0) throw syscallError('bind', errno(), 'to netlink');
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Hands a request to the kernel, which carries it out before this returns. Throws HEADGATE_LINUX_SYSCALL. */
  send(message: Uint8Array): void {
    const sent = Number(calls().sendto(this.fd, message, message.length, 0, kernel, kernel.length));
    if (sent < 0) throw syscallError('sendto', libc().errno(), 'netlink');
  }

  /**
   * The next datagram of the kernel, as a view that the next call overwrites. Throws HEADGATE_LINUX_SYSCALL, or
   * HEADGATE_NETLINK_MALFORMED for one that is longer than any the kernel makes.
   */
  receive(): Received {
    for (;;) {
      new DataView(this.#fromBytes.buffer).setUint32(0, this.#from.length, true);
      const flags = constant.MSG_DONTWAIT | constant.MSG_TRUNC;
      const buffer = this.#buffer;
      const bytes = Number(
        calls().recvfrom(this.fd, buffer, buffer.length, flags, this.#from, this.#fromBytes),
      );
      if (bytes < 0) {
        const errno = libc().errno();
        const code = errnoName(errno);
        if (code === 'EAGAIN') return 'nothing';
        if (code === 'ENOBUFS') return 'overrun';
        if (code === 'EINTR') continue;
        throw syscallError('recvfrom', errno, 'netlink');
      }
      // Any process may send to a netlink socket; only the kernel's word counts.
      if (sockaddrLayout.get(this.#from, 'port') !== 0) continue;
      if (bytes > buffer.length) {
        throw new HeadgateError(
          'HEADGATE_NETLINK_MALFORMED',
          `a netlink datagram has ${bytes} bytes, more than ${buffer.length}`,
        );
      }
      return buffer.subarray(0, bytes);
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    libc().close(this.fd);
  }
}
