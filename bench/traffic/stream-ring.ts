/** Many TCP connections on one ring, driven from Node's event loop: what the chat load and its chat server share. */
import { IP_BIND_ADDRESS_NO_PORT, IPPROTO_IP } from '../../lib/linux/index.ts';
import type { Endpoint } from '../../lib/address/index.ts';
import {
  BufferGroup,
  direct,
  DirectTable,
  encodeSockaddr,
  IORING_CQE_F_BUFFER,
  IORING_CQE_F_MORE,
  Memory,
  MSG_WAITALL,
  packLow,
  prepareAcceptMultishotDirect,
  prepareBind,
  prepareCancel,
  prepareClose,
  prepareConnect,
  prepareReceiveMultishot,
  prepareSend,
  prepareSetSocketOption,
  prepareShutdown,
  prepareSocketDirect,
  Ring,
  RingLoop,
  unpackKind,
  unpackSlot,
} from '../../lib/linux/uring/index.ts';

const kind = {
  before: 1,
  connect: 2,
  receive: 3,
  send: 4,
  close: 5,
  accept: 6,
  shutdown: 7,
  cancel: 8,
} as const;
const [AF_INET, SOCK_STREAM, SHUT_RDWR] = [2, 1, 2];
const [enobufs, ecanceled] = [-105, -125];
/** A row for a send each, of which a connection rarely has two. Rows in use are few, and those last used come first. */
const rowBytes = 128;
const spareRows = 4_096;
const buffers = { buffers: 2_048, bufferBytes: 1_024 };
const sockaddrBytes = 16;
/** The number 1 for setsockopt, then the destination, then the sources. */
const settings = { one: 0, destination: 16, sources: 32 };

export interface StreamHandlers {
  /** Connected, or accepted. */
  readonly opened: (slot: number) => void;
  /** The bytes change after the call. */
  readonly heard: (slot: number, bytes: Uint8Array) => void;
  /** It ended, or could not be opened (`wasOpen` false); `errno` is 0 for FIN. The slot is free. */
  readonly ended: (slot: number, errno: number, wasOpen: boolean) => void;
}

export interface StreamRingOptions {
  /** At most RLIMIT_NOFILE. */
  readonly slots: number;
  readonly handlers: StreamHandlers;
  readonly to?: Endpoint;
  /** Addresses that connections come from; default: what the kernel chooses. */
  readonly sources?: readonly string[];
}

export class StreamRing {
  readonly #ring = new Ring({ entries: 4_096, completionEntries: 32_768 });
  readonly #loop: RingLoop;
  readonly #buffers: BufferGroup;
  readonly #settings: Memory;
  readonly #rows: Memory;
  readonly #freeRows: Int32Array;
  #free: number;
  readonly #handlers: StreamHandlers;
  readonly #sources: number;
  /** 1: open. */
  readonly #open: Uint8Array;
  /** Why a slot ends, until it is closed. */
  readonly #reasons = new Map<number, number>();
  #listener = -1;
  #waitsForRoom = false;
  #accepts = false;

  constructor({ slots, handlers, to, sources = [] }: StreamRingOptions) {
    this.#handlers = handlers;
    this.#sources = sources.length;
    this.#open = new Uint8Array(slots);
    new DirectTable(this.#ring, { slots });
    this.#buffers = new BufferGroup(this.#ring, { group: 0, ...buffers });
    this.#free = 2 * slots + spareRows;
    this.#freeRows = Int32Array.from({ length: this.#free }, (_, index) => this.#free - 1 - index);
    this.#rows = Memory.anonymous(this.#free * rowBytes);
    this.#settings = Memory.anonymous(settings.sources + sources.length * sockaddrBytes);
    this.#settings.u32[0] = 1;
    if (to !== undefined) this.#settings.u8.set(encodeSockaddr(to), settings.destination);
    for (const [index, host] of sources.entries()) {
      this.#settings.u8.set(encodeSockaddr({ host, port: 0 }), settings.sources + index * sockaddrBytes);
    }
    const afterBatch = (): void => this.#buffers.publish();
    this.#loop = new RingLoop({ ring: this.#ring, handle: this.#handle, afterBatch });
  }

  /** Accepts from a listening socket as long as there are slots. */
  listen(listener: number): void {
    if (this.#accepts) return;
    this.#accepts = true;
    this.#listener = listener;
    this.#accept();
  }

  /** Accepts no more; what is in the queue is left to others that listen. */
  pause(): void {
    if (!this.#accepts) return;
    this.#accepts = this.#waitsForRoom = false;
    prepareCancel(this.#ring.sqe(packLow(kind.cancel, 0), 0), packLow(kind.accept, 0), 0);
    this.#loop.flush();
  }

  /** Connects a free slot; `turn` chooses the source. */
  connect(slot: number, turn: number): void {
    this.#ring.reserve(5);
    const before = packLow(kind.before, slot);
    prepareSocketDirect(this.#ring.sqe(before, 0), AF_INET, SOCK_STREAM, 0, slot).link();
    if (this.#sources > 0) {
      const one = this.#settings.address + settings.one;
      const option = this.#ring.sqe(before, 0);
      prepareSetSocketOption(option, direct(slot), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, one, 4).link();
      const source = settings.sources + (turn % this.#sources) * sockaddrBytes;
      prepareBind(
        this.#ring.sqe(before, 0),
        direct(slot),
        this.#settings.address + source,
        sockaddrBytes,
      ).link();
    }
    const connect = this.#ring.sqe(packLow(kind.connect, slot), 0);
    prepareConnect(connect, direct(slot), this.#settings.address + settings.destination, sockaddrBytes);
    this.#loop.flush();
  }

  /** Sends what `write` puts into `into` from `at` on, at most 128 bytes; it returns how many. */
  send(slot: number, write: (into: Uint8Array, at: number) => number): void {
    if (this.#free === 0) throw new Error('too many messages wait to be sent');
    const row = this.#freeRows[--this.#free]!;
    const bytes = write(this.#rows.u8, row * rowBytes);
    this.#sendFrom(slot, row, bytes, row + 1);
  }

  /** A row that stays, for sendRow(): for what goes to many. */
  keepRow(write: (into: Uint8Array, at: number) => number): { readonly row: number; readonly bytes: number } {
    if (this.#free === 0) throw new Error('too many messages wait to be sent');
    const row = this.#freeRows[--this.#free]!;
    return { row, bytes: write(this.#rows.u8, row * rowBytes) };
  }

  sendRow(slot: number, { row, bytes }: { readonly row: number; readonly bytes: number }): void {
    this.#sendFrom(slot, row, bytes, 0);
  }

  /** Gives a kept row back: no send of it is under way. */
  releaseRow({ row }: { readonly row: number }): void {
    this.#freeRows[this.#free++] = row;
  }

  isOpen(slot: number): boolean {
    return this.#open[slot] === 1;
  }

  /** Ends a connection; ended() follows. */
  end(slot: number): void {
    prepareShutdown(this.#ring.sqe(packLow(kind.shutdown, slot), 0), direct(slot), SHUT_RDWR);
    this.#loop.flush();
  }

  close(): void {
    this.#loop.close();
    this.#ring.close();
    this.#rows.free();
    this.#settings.free();
  }

  #sendFrom(slot: number, row: number, bytes: number, high: number): void {
    const sqe = this.#ring.sqe(packLow(kind.send, slot), high);
    prepareSend(sqe, direct(slot), this.#rows.address + row * rowBytes, bytes, MSG_WAITALL);
    this.#loop.flush();
  }

  #accept(): void {
    prepareAcceptMultishotDirect(this.#ring.sqe(packLow(kind.accept, 0), 0), this.#listener);
    this.#loop.flush();
  }

  #receive(slot: number): void {
    prepareReceiveMultishot(this.#ring.sqe(packLow(kind.receive, slot), 0), direct(slot), 0);
  }

  #began(slot: number): void {
    this.#open[slot] = 1;
    this.#receive(slot);
    this.#handlers.opened(slot);
  }

  #failed(slot: number, errno: number): void {
    this.#reasons.set(slot, errno);
    prepareClose(this.#ring.sqe(packLow(kind.close, slot), 0), direct(slot));
  }

  readonly #handle = (low: number, high: number, result: number, flags: number): void => {
    const slot = unpackSlot(low);
    switch (unpackKind(low)) {
      case kind.before:
        // The connect of the same chain is cancelled; this says why.
        if (result < 0 && result !== ecanceled) this.#reasons.set(slot, -result);
        break;
      case kind.connect:
        if (result < 0) this.#failed(slot, this.#reasons.get(slot) ?? -result);
        else this.#began(slot);
        break;
      case kind.accept:
        if (result >= 0) this.#began(result);
        if ((flags & IORING_CQE_F_MORE) !== 0) break;
        if (!this.#accepts) break;
        // ENFILE and the like: the next end of a connection makes room.
        if (result >= 0) this.#accept();
        else this.#waitsForRoom = true;
        break;
      case kind.receive:
        this.#received(slot, result, flags);
        break;
      case kind.send:
        if (high > 0) this.#freeRows[this.#free++] = high - 1;
        break;
      case kind.close:
        this.#closed(slot);
        break;
    }
  };

  #received(slot: number, result: number, flags: number): void {
    if ((flags & IORING_CQE_F_BUFFER) !== 0) {
      const buffer = this.#buffers.take(flags);
      if (result > 0) this.#handlers.heard(slot, this.#buffers.view(buffer, result));
      this.#buffers.recycle(buffer);
    }
    if ((flags & IORING_CQE_F_MORE) !== 0) return;
    if (result > 0 || result === enobufs) this.#receive(slot);
    else this.#failed(slot, -result);
  }

  #closed(slot: number): void {
    const errno = this.#reasons.get(slot) ?? 0;
    this.#reasons.delete(slot);
    const wasOpen = this.#open[slot] === 1;
    this.#open[slot] = 0;
    if (this.#waitsForRoom) {
      this.#waitsForRoom = false;
      this.#accept();
    }
    this.#handlers.ended(slot, errno, wasOpen);
  }
}
