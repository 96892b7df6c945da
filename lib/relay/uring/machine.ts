import { SO_LINGER, SOL_SOCKET } from '../../linux/index.ts';
import {
  BufferGroup,
  direct,
  DirectTable,
  Memory,
  OperationTable,
  packHigh,
  packLow,
  prepareCancel,
  prepareClose,
  prepareSetSocketOption,
  Ring,
  RingLoop,
  type CompletionHandler,
  type Sqe,
} from '../../linux/uring/index.ts';
import { kinds } from './kinds.ts';

/**
 * Of each request entry there are four for completions, at least. The kernel makes completions while it is called, a few dozen
 * at a time and one per request of a batch, so that more would not be used.
 */
const completionsPerEntry = 4;
/**
 * With these the kernel has 256 chains for what may be cancelled, the most there are: one per 32 entries for completions
 * (io_ring_ctx_alloc() in io_uring/io_uring.c). A row has two receives under way.
 */
const completionsMost = 8_192;
/** A shared receive buffer. They are held for the length of a send that does not wait, so a batch needs few. */
export const sharedBufferBytes = 65_536;

/** Kernel-visible bytes of a row; where its parts begin is below. */
const rowBytes = 128;
/** A sockaddr of up to 28 bytes each: the client's, the destination's, the local one; and the length of the first. */
export const rowAt = {
  peer: 0,
  destination: 32,
  local: 64,
  peerLength: 96,
  idleSeconds: 100,
  userTimeout: 104,
};

/** Where constants for setsockopt lie. */
const constantAt = { linger: 0, one: 8, probes: 12 };
/** As libuv does it: ten keepalive probes, one second apart. */
const keepaliveProbes = 10;

export interface MachineOptions {
  /** Connections and accepts under way at one time. */
  readonly rows: number;
  /** Shared buffers, a power of two. */
  readonly buffers: number;
  /** Requests between two submissions, a power of two; when they are more, they are submitted in parts. */
  readonly entries: number;
  readonly handle: CompletionHandler;
  readonly afterBatch: () => void;
}

/**
 * The ring of a relay and what belongs to it. Row r owns the direct slots 2r (client) and 2r + 1 (destination) and a
 * piece of memory the kernel may read and write, so that no slot is ever missing once a row was taken.
 */
export class Machine {
  readonly ring: Ring;
  readonly loop: RingLoop;
  readonly table: OperationTable;
  readonly group: BufferGroup;
  readonly rows: number;
  readonly rowMemory: Memory;
  readonly #constants: Memory;

  /** Throws HEADGATE_URING_UNAVAILABLE, HEADGATE_URING_SIZE, HEADGATE_LINUX_SYSCALL. */
  constructor({ rows, buffers, entries, handle, afterBatch }: MachineOptions) {
    this.rows = rows;
    this.table = new OperationTable(rows);
    const completionEntries = Math.max(completionsPerEntry * entries, Math.min(2 * rows, completionsMost));
    this.ring = new Ring({ entries, completionEntries });
    try {
      new DirectTable(this.ring, { slots: 2 * rows, reserved: 2 * rows });
      this.group = new BufferGroup(this.ring, { group: 0, buffers, bufferBytes: sharedBufferBytes });
      this.rowMemory = Memory.anonymous(rows * rowBytes);
      this.#constants = Memory.anonymous(64);
      this.ring.adopt(() => {
        this.rowMemory.free();
        this.#constants.free();
      });
      // struct linger: on, no seconds.
      this.#constants.u32.set([1, 0, 1, keepaliveProbes]);
      this.loop = new RingLoop({ ring: this.ring, handle, afterBatch });
      this.loop.unref();
    } catch (error) {
      this.ring.close();
      throw error;
    }
  }

  /** A request whose completion is awaited before its row is used again. */
  request(kind: number, row: number): Sqe {
    this.table.begin(row);
    return this.ring.sqe(packLow(kind, row), packHigh(this.table.generation(row)));
  }

  /** A request that is done when it is submitted and tells only failures, which change nothing. Finish with skipSuccess(). */
  order(row: number): Sqe {
    return this.ring.sqe(packLow(kinds.uncounted, row), 0);
  }

  /** Address of a part of a row's memory. */
  at(row: number, part: number): number {
    return this.rowMemory.address + row * rowBytes + part;
  }

  /** Offset of a part of a row's memory within rowMemory. */
  offset(row: number, part: number): number {
    return row * rowBytes + part;
  }

  /** setsockopt(2) of a number that stands in the row's memory, or of a constant. */
  setOption(row: number, socket: number, level: number, name: number, valueAt: number): void {
    prepareSetSocketOption(this.order(row), direct(socket), level, name, valueAt, 4).skipSuccess();
  }

  get oneAt(): number {
    return this.#constants.address + constantAt.one;
  }

  get probesAt(): number {
    return this.#constants.address + constantAt.probes;
  }

  /**
   * Cancels the request of this kind that is under way on a row; before the row is released, for the generation is part of the
   * user data. Ask only for what there is: the kernel looks through a chain of its hash of all that is under way on the ring.
   * (By descriptor it would walk over everything.)
   */
  cancel(row: number, kind: number): void {
    prepareCancel(this.order(row), packLow(kind, row), packHigh(this.table.generation(row))).skipSuccess();
  }

  /** Ends a socket on which nothing is under way any more with RST. The slot is free for the next request. */
  resetSocket(row: number, socket: number): void {
    const linger = this.#constants.address + constantAt.linger;
    prepareSetSocketOption(this.order(row), direct(socket), SOL_SOCKET, SO_LINGER, linger, 8).skipSuccess();
    this.releaseSocket(row, socket);
  }

  /** Ends a socket on which nothing is under way, with FIN if it has not sent any. The slot is free for the next request. */
  releaseSocket(row: number, socket: number): void {
    prepareClose(this.order(row), direct(socket)).skipSuccess();
    this.loop.flush();
  }

  close(): void {
    this.loop.close();
    this.ring.close();
  }
}
