import { listeningSocket } from '../../lib/linux/index.ts';
import {
  BufferGroup,
  direct,
  DirectTable,
  IORING_CQE_F_BUFFER,
  IORING_CQE_F_MORE,
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

/**
 * The smallest echo server on a ring, the same under every way of driving it. Good for ping-pong only: it does not look
 * whether a reader is slow.
 */
export class Echo {
  readonly ring: Ring;
  readonly #listener: number;
  readonly #buffers: BufferGroup;
  /** Buffer that the present send of each connection uses. */
  readonly #sending: Uint16Array;

  constructor(host: string, port: number, connections: number) {
    this.#listener = listeningSocket({ endpoint: { host, port }, reusePort: false, backlog: 4_096 });
    this.ring = new Ring({ entries: 4_096, completionEntries: 16_384 });
    new DirectTable(this.ring, { slots: connections });
    this.#buffers = new BufferGroup(this.ring, { group, buffers: 4_096, bufferBytes: 2_048 });
    this.#sending = new Uint16Array(connections);
    this.#accept();
  }

  readonly handle = (low: number, _high: number, result: number, flags: number): void => {
    const slot = unpackSlot(low);
    switch (unpackKind(low)) {
      case kind.accept:
        if (result >= 0) this.#receive(result);
        if ((flags & IORING_CQE_F_MORE) === 0) this.#accept();
        break;
      case kind.receive:
        if ((flags & IORING_CQE_F_BUFFER) !== 0) this.#echo(slot, this.#buffers.take(flags), result);
        if ((flags & IORING_CQE_F_MORE) !== 0) break;
        if (result > 0) this.#receive(slot);
        else prepareClose(this.ring.sqe(packLow(kind.close, slot), 0), direct(slot));
        break;
      case kind.send:
        this.#buffers.recycle(this.#sending[slot]!);
        break;
    }
  };

  readonly afterBatch = (): void => this.#buffers.publish();

  #accept(): void {
    prepareAcceptMultishotDirect(this.ring.sqe(packLow(kind.accept, 0), 0), this.#listener);
  }

  #receive(slot: number): void {
    prepareReceiveMultishot(this.ring.sqe(packLow(kind.receive, slot), 0), direct(slot), group);
  }

  #echo(slot: number, buffer: number, bytes: number): void {
    this.#sending[slot] = buffer;
    const sqe = this.ring.sqe(packLow(kind.send, slot), 0);
    prepareSend(sqe, direct(slot), this.#buffers.address(buffer), bytes, MSG_WAITALL);
  }
}
