import { listeningSocket } from '../../lib/linux/index.ts';
import type { Endpoint } from '../../lib/address/index.ts';
import {
  BufferGroup,
  direct,
  DirectTable,
  IORING_CQE_F_BUFFER,
  IORING_CQE_F_MORE,
  Memory,
  MSG_WAITALL,
  packLow,
  prepareAcceptMultishotDirect,
  prepareClose,
  prepareReceiveMultishot,
  prepareSend,
  Ring,
  unpackKind,
  unpackSlot,
} from '../../lib/linux/uring/index.ts';

const kind = { accept: 1, receive: 2, send: 3, close: 4 } as const;
const group = 0;
const enobufs = -105;

/** The server behind the relays: answers every `messageBytes` with as many; with 0 it only listens. */
export class Responder {
  readonly ring: Ring;
  readonly #listener: number;
  readonly #buffers: BufferGroup;
  readonly #memory: Memory;
  readonly #messageBytes: number;
  readonly #received: Uint32Array;
  readonly #open: Uint8Array;
  #bytes = 0;

  constructor(endpoint: Endpoint, connections: number, messageBytes: number) {
    this.#messageBytes = messageBytes;
    this.#listener = listeningSocket({ endpoint, reusePort: false, backlog: 4_096 });
    this.ring = new Ring({ entries: 4_096, completionEntries: 32_768 });
    new DirectTable(this.ring, { slots: connections });
    this.#buffers = new BufferGroup(this.ring, { group, buffers: 1_024, bufferBytes: 16_384 });
    this.#memory = Memory.anonymous(Math.max(messageBytes, 4_096));
    this.#received = new Uint32Array(connections);
    this.#open = new Uint8Array(connections);
    this.#accept();
  }

  /** Bytes heard from all connections, ever. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Sends `bytes`, at most 4,096, to everybody; returns to how many. */
  push(bytes: number): number {
    let told = 0;
    for (const [slot, open] of this.#open.entries()) {
      if (open === 0) continue;
      this.#send(slot, bytes);
      told++;
    }
    return told;
  }

  readonly handle = (low: number, _high: number, result: number, flags: number): void => {
    const slot = unpackSlot(low);
    switch (unpackKind(low)) {
      case kind.accept:
        if (result >= 0) this.#begin(result);
        if ((flags & IORING_CQE_F_MORE) === 0) this.#accept();
        break;
      case kind.receive:
        if ((flags & IORING_CQE_F_BUFFER) !== 0) this.#buffers.recycle(this.#buffers.take(flags));
        if (result > 0) this.#take(slot, result);
        if ((flags & IORING_CQE_F_MORE) !== 0) break;
        if (result > 0 || result === enobufs) this.#receive(slot);
        else this.#end(slot);
        break;
    }
  };

  readonly afterBatch = (): void => this.#buffers.publish();

  #begin(slot: number): void {
    this.#open[slot] = 1;
    this.#received[slot] = 0;
    this.#receive(slot);
  }

  #end(slot: number): void {
    this.#open[slot] = 0;
    prepareClose(this.ring.sqe(packLow(kind.close, slot), 0), direct(slot));
  }

  #take(slot: number, bytes: number): void {
    this.#bytes += bytes;
    if (this.#messageBytes === 0) return;
    this.#received[slot]! += bytes;
    while (this.#received[slot]! >= this.#messageBytes) {
      this.#received[slot]! -= this.#messageBytes;
      this.#send(slot, this.#messageBytes);
    }
  }

  #accept(): void {
    prepareAcceptMultishotDirect(this.ring.sqe(packLow(kind.accept, 0), 0), this.#listener);
  }

  #receive(slot: number): void {
    prepareReceiveMultishot(this.ring.sqe(packLow(kind.receive, slot), 0), direct(slot), group);
  }

  #send(slot: number, bytes: number): void {
    const sqe = this.ring.sqe(packLow(kind.send, slot), 0);
    prepareSend(sqe, direct(slot), this.#memory.address, bytes, MSG_WAITALL);
  }
}
