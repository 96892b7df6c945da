/** Many TCP connections of one thread on one ring: what the loads of the benches share. */
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
  prepareClose,
  prepareConnect,
  prepareReceiveMultishot,
  prepareSend,
  prepareSocketDirect,
  Ring,
  unpackKind,
  unpackSlot,
} from '../../lib/linux/uring/index.ts';
import type { Endpoint } from '../../lib/address/index.ts';

const kind = { socket: 1, connect: 2, receive: 3, send: 4, close: 5 } as const;
const names = ['', 'socket', 'connect', 'receive', 'send', 'close'];
const AF_INET = 2;
const SOCK_STREAM = 1;
const sockaddrRoom = 4_096;
/** Nothing moves for as long only when something is broken. */
const patienceMs = 10_000;
const mostConnecting = 512;
const connectMs = 100;

export interface ClientRingOptions {
  readonly to: Endpoint;
  /** Slots there are; 0 to `connections` - 1. */
  readonly connections: number;
  /** Longest send. */
  readonly payloadBytes: number;
  readonly received: (slot: number, bytes: number) => void;
  readonly connected?: (slot: number) => void;
  /** Everything of one send is with the kernel. */
  readonly sent?: (slot: number) => void;
  /** A slot is empty after disconnect(). */
  readonly disconnected?: (slot: number) => void;
  /** Connections hear this many bytes at the most, so that none waits when they are to be closed; default: any number. */
  readonly heardBytes?: number;
}

/** Throws out of turn() when a connection breaks or nothing moves for ten seconds. */
export class ClientRing {
  readonly #ring = new Ring({ entries: 4_096, completionEntries: 32_768 });
  readonly #memory: Memory;
  readonly #buffers: BufferGroup;
  readonly #sockaddrBytes: number;
  readonly #options: ClientRingOptions;
  #lastMovedMs = performance.now();
  #connected = 0;

  constructor(options: ClientRingOptions) {
    this.#options = options;
    new DirectTable(this.#ring, { slots: options.connections });
    this.#buffers = new BufferGroup(this.#ring, { group: 0, buffers: 4_096, bufferBytes: 4_096 });
    const sockaddr = encodeSockaddr(options.to);
    this.#sockaddrBytes = sockaddr.length;
    this.#memory = Memory.anonymous(sockaddrRoom + options.payloadBytes);
    this.#memory.u8.set(sockaddr);
  }

  connect(slot: number): void {
    this.#ring.reserve(3);
    const socket = this.#ring.sqe(packLow(kind.socket, slot), 0);
    prepareSocketDirect(socket, AF_INET, SOCK_STREAM, 0, slot).link();
    const connect = this.#ring.sqe(packLow(kind.connect, slot), 0);
    prepareConnect(connect, direct(slot), this.#memory.address, this.#sockaddrBytes).link();
    this.#receive(slot);
  }

  /** Connects every slot, a few at a time so that no accept queue overflows, and waits for all. */
  connectAll(): void {
    const { connections } = this.#options;
    const goal = this.#connected + connections;
    for (let slot = 0; slot < connections; slot++) {
      this.connect(slot);
      while (this.#connected + connections - goal + mostConnecting <= slot) this.turn(connectMs);
    }
    while (this.#connected < goal) this.turn(connectMs);
  }

  send(slot: number, bytes: number): void {
    const sqe = this.#ring.sqe(packLow(kind.send, slot), 0);
    prepareSend(sqe, direct(slot), this.#memory.address + sockaddrRoom, bytes, MSG_WAITALL);
  }

  /** Only when everything was heard: a receive that waits keeps the connection open. */
  disconnect(slot: number): void {
    prepareClose(this.#ring.sqe(packLow(kind.close, slot), 0), direct(slot));
  }

  /** Submits, waits up to `waitMs` for something to happen and tells it. */
  turn(waitMs: number): void {
    this.#ring.wait(1, waitMs);
    const told = this.#ring.drain(this.#handle);
    this.#buffers.publish();
    const now = performance.now();
    if (told > 0) this.#lastMovedMs = now;
    else if (now - this.#lastMovedMs > patienceMs) throw new Error('nothing moved for ten seconds');
  }

  close(): void {
    this.#ring.close();
    this.#memory.free();
  }

  #receive(slot: number): void {
    const sqe = this.#ring.sqe(packLow(kind.receive, slot), 0);
    prepareReceiveMultishot(sqe, direct(slot), 0, { totalBytes: this.#options.heardBytes ?? 0 });
  }

  readonly #handle = (low: number, _high: number, result: number, flags: number): void => {
    const slot = unpackSlot(low);
    const { connected, received, sent, disconnected, heardBytes } = this.#options;
    const what = unpackKind(low);
    if (result < 0) throw new Error(`${names[what]} of connection ${slot} failed: ${result}`);
    switch (what) {
      case kind.connect:
        this.#connected++;
        connected?.(slot);
        break;
      case kind.send:
        sent?.(slot);
        break;
      case kind.close:
        disconnected?.(slot);
        break;
      case kind.receive:
        if ((flags & IORING_CQE_F_BUFFER) !== 0) this.#buffers.recycle(this.#buffers.take(flags));
        if (result === 0) throw new Error(`connection ${slot} ended`);
        if ((flags & IORING_CQE_F_MORE) === 0 && heardBytes === undefined) this.#receive(slot);
        received(slot, result);
        break;
    }
  };
}
