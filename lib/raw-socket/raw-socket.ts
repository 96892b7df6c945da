import type { HeadgateError } from '../errors/index.ts';
import {
  encodeFilter,
  IP_HDRINCL,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_HDRINCL,
  SO_ATTACH_FILTER,
  SO_MARK,
  SO_MEMINFO,
  SO_RCVBUF,
  SO_SNDBUF,
  SOL_SOCKET,
  type FilterInstruction,
} from '../linux/index.ts';
import { codeOf, failure } from './failure.ts';
import { loadPackage, type PackageSocket } from './package.ts';
import { SendQueue } from './send-queue.ts';

export interface RawSocketOptions {
  readonly family: 4 | 6;
  /** IP protocol number of what is received, and of what is sent without header; IPPROTO_RAW only sends. */
  readonly protocol: number;
  /** Packets to send begin with their IP header (IP_HDRINCL, IPV6_HDRINCL). The kernel writes length and checksum of IPv4's. */
  readonly headerIncluded: boolean;
  /** Mark of the packets sent (SO_MARK); needs CAP_NET_ADMIN before Linux 5.17. */
  readonly mark?: number;
  /** Which packets are received; may be replaced with setFilter(). */
  readonly filter?: readonly FilterInstruction[];
  /**
   * Takes a packet: IPv4 with its header, IPv6 without (raw(7), ipv6(7)). Valid during the call only. Without it nothing is
   * received. What it throws goes to onError.
   */
  readonly onPacket?: (packet: Uint8Array, source: string) => void;
  /** The socket failed while waiting or receiving; it stays open. Default: such errors are counted only. */
  readonly onError?: (error: HeadgateError) => void;
  /** Most bytes that wait here for room in the kernel; default 4 MiB. */
  readonly queueBytes?: number;
  /** The kernel's receive buffer, capped by net.core.rmem_max; default the kernel's. */
  readonly receiveBufferBytes?: number;
  /** The kernel's send buffer, capped by net.core.wmem_max; default the kernel's. */
  readonly sendBufferBytes?: number;
}

/** What became of a packet: `queued` goes when the kernel has room, `full` and `failed` are counted. */
export type Sent = 'sent' | 'queued' | 'full' | 'failed' | 'closed';

export interface RawSocketStats {
  readonly sent: number;
  readonly received: number;
  /** Packets that wait now. */
  readonly queued: number;
  /** Dropped because the queue was full, or the socket closed before their turn. */
  readonly sendDropped: number;
  /** Refused by the kernel, by code: `{ EMSGSIZE: 1 }`. */
  readonly sendFailed: Readonly<Record<string, number>>;
  /** Dropped by the kernel because we did not receive fast enough. */
  readonly receiveDropped: number;
  /** Errors that onError was told. */
  readonly errors: number;
}

export interface RawSocket {
  /** Never throws. The packet belongs to the socket afterwards. `to` is an IP address: where it is routed to. */
  send(packet: Uint8Array, to: string): Sent;
  /** Throws HEADGATE_RAW_SOCKET_FAILED. */
  setFilter(filter: readonly FilterInstruction[]): void;
  /** Leaves packets in the kernel, which drops what does not fit. */
  pause(): void;
  resume(): void;
  stats(): RawSocketStats;
  /** Drops what is queued. Idempotent. */
  close(): void;
}

/** The largest packet there is. */
const packetBytesMost = 65_536;
const defaultQueueBytes = 4 * 1024 * 1024;
/** struct sk_meminfo: SK_MEMINFO_DROPS is the ninth of nine. */
const memInfo = { bytes: 36, dropsAt: 32 } as const;

/**
 * Opens a raw socket; it keeps the process alive until it is closed. Throws HEADGATE_RAW_SOCKET_UNAVAILABLE without the
 * package, HEADGATE_RAW_SOCKET_PERMISSION without CAP_NET_RAW, HEADGATE_RAW_SOCKET_FAILED.
 */
export function openRawSocket(options: RawSocketOptions): RawSocket {
  return new PackagedRawSocket(options);
}

class PackagedRawSocket implements RawSocket {
  readonly #options: RawSocketOptions;
  readonly #socket: PackageSocket;
  readonly #queue: SendQueue;
  readonly #buffer: Buffer;
  readonly #sendFailed: Record<string, number> = {};
  #closed = false;
  #sent = 0;
  #received = 0;
  #sendDropped = 0;
  #errors = 0;
  /** Known when the socket was closed. */
  #receiveDropped = 0;

  constructor(options: RawSocketOptions) {
    const { family, protocol, onPacket, queueBytes = defaultQueueBytes } = options;
    this.#options = options;
    this.#queue = new SendQueue(queueBytes);
    const raw = loadPackage();
    const what = `open a raw socket (IPv${family}, protocol ${protocol})`;
    try {
      // Its own buffer is never used.
      this.#socket = raw.createSocket({ protocol, addressFamily: family === 4 ? 1 : 2, bufferSize: 1 });
    } catch (error) {
      throw failure(what, error);
    }
    this.#buffer = Buffer.allocUnsafeSlow(onPacket === undefined ? 0 : packetBytesMost);
    try {
      this.#prepare();
    } catch (error) {
      this.close();
      throw failure(what, error);
    }
  }

  #prepare(): void {
    const { family, headerIncluded, mark, filter, onPacket } = this.#options;
    const { receiveBufferBytes, sendBufferBytes } = this.#options;
    const socket = this.#socket;
    const { wrap } = socket;
    // The package's own handlers cost a copy and a closure per packet; these two replace them.
    wrap.removeAllListeners('sendReady').on('sendReady', () => this.#flush());
    wrap.removeAllListeners('recvReady').on('recvReady', () => this.#receive());
    wrap.removeAllListeners('error').on('error', (error: unknown) => this.#waitAgain(error));
    if (onPacket === undefined) socket.pauseRecv();
    if (headerIncluded) {
      if (family === 4) socket.setOption(IPPROTO_IP, IP_HDRINCL, 1);
      else socket.setOption(IPPROTO_IPV6, IPV6_HDRINCL, 1);
    }
    if (mark !== undefined) socket.setOption(SOL_SOCKET, SO_MARK, mark);
    if (receiveBufferBytes !== undefined) socket.setOption(SOL_SOCKET, SO_RCVBUF, receiveBufferBytes);
    if (sendBufferBytes !== undefined) socket.setOption(SOL_SOCKET, SO_SNDBUF, sendBufferBytes);
    if (filter !== undefined) this.setFilter(filter);
  }

  send(packet: Uint8Array, to: string): Sent {
    if (this.#closed) return 'closed';
    if (this.#queue.packets === 0) {
      const sent = this.#trySend(packet, to);
      if (sent !== 'again') return sent;
    }
    if (!this.#queue.add({ packet, to })) {
      this.#sendDropped++;
      return 'full';
    }
    if (this.#queue.packets === 1) this.#socket.resumeSend();
    return 'queued';
  }

  #trySend(packet: Uint8Array, to: string): 'sent' | 'failed' | 'again' {
    try {
      this.#socket.wrap.send(packet, 0, packet.length, to, nothing);
      this.#sent++;
      return 'sent';
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EAGAIN') return 'again';
      this.#sendFailed[code] = (this.#sendFailed[code] ?? 0) + 1;
      return 'failed';
    }
  }

  #flush(): void {
    if (this.#closed) return;
    for (let next = this.#queue.first; next !== undefined; next = this.#queue.first) {
      if (this.#trySend(next.packet, next.to) === 'again') return;
      this.#queue.dropFirst();
    }
    this.#socket.pauseSend();
  }

  #receive(): void {
    if (this.#closed) return;
    try {
      this.#socket.wrap.recv(this.#buffer, this.#take);
    } catch (error) {
      // Another packet had been announced, or its checksum was wrong.
      if (codeOf(error) !== 'EAGAIN') this.#fail('receive', error);
    }
  }

  /** One function for all packets. It must not throw: the native caller would drop it silently. */
  readonly #take = (buffer: Buffer, bytes: number, source: string): void => {
    this.#received++;
    try {
      this.#options.onPacket?.(buffer.subarray(0, bytes), source);
    } catch (error) {
      this.#fail('handle a packet', error);
    }
  };

  /** libuv stops watching a socket that has an error; the next receive takes it away. */
  #waitAgain(error: unknown): void {
    if (this.#closed) return;
    this.#fail('wait for packets', error);
    if (this.#options.onPacket !== undefined) this.#socket.resumeRecv();
    if (this.#queue.packets > 0) this.#socket.resumeSend();
  }

  #fail(what: string, error: unknown): void {
    this.#errors++;
    this.#options.onError?.(failure(what, error));
  }

  setFilter(filter: readonly FilterInstruction[]): void {
    const { value, instructions } = encodeFilter(filter);
    try {
      this.#socket.setOption(SOL_SOCKET, SO_ATTACH_FILTER, value, value.length);
    } catch (error) {
      throw failure(`set a filter of ${instructions.length} bytes`, error);
    }
  }

  pause(): void {
    if (!this.#closed) this.#socket.pauseRecv();
  }

  resume(): void {
    if (!this.#closed && this.#options.onPacket !== undefined) this.#socket.resumeRecv();
  }

  stats(): RawSocketStats {
    return {
      sent: this.#sent,
      received: this.#received,
      queued: this.#queue.packets,
      sendDropped: this.#sendDropped,
      sendFailed: { ...this.#sendFailed },
      receiveDropped: this.#closed ? this.#receiveDropped : this.#kernelDrops(),
      errors: this.#errors,
    };
  }

  #kernelDrops(): number {
    const info = Buffer.alloc(memInfo.bytes);
    try {
      this.#socket.getOption(SOL_SOCKET, SO_MEMINFO, info, info.length);
    } catch {
      // Before Linux 4.12 nobody tells.
      return 0;
    }
    return info.readUInt32LE(memInfo.dropsAt);
  }

  close(): void {
    if (this.#closed) return;
    this.#receiveDropped = this.#kernelDrops();
    this.#closed = true;
    this.#sendDropped += this.#queue.clear();
    this.#socket.close();
  }
}

function nothing(): void {}
