import {
  BufferGroup,
  direct,
  DirectTable,
  encodeSockaddr,
  IORING_CQE_F_BUFFER,
  IORING_CQE_F_MORE,
  Memory,
  packLow,
  prepareConnect,
  prepareReceiveMultishot,
  prepareSend,
  prepareSocketDirect,
  Ring,
  unpackKind,
  unpackSlot,
} from '../../lib/linux/uring/index.ts';

const kind = { socket: 1, connect: 2, receive: 3, send: 4 } as const;
const AF_INET = 2;
const SOCK_STREAM = 1;
const stepMs = 100;

/**
 * Plays ping-pong over many connections from one ring, blocking this thread: every connection has one message under way. Throws
 * when a connection breaks or nothing moves for a second.
 */
export class Load {
  readonly #ring = new Ring({ entries: 4_096, completionEntries: 16_384 });
  readonly #memory: Memory;
  readonly #buffers: BufferGroup;
  readonly #received: Uint32Array;
  readonly #messageBytes: number;
  #roundTrips = 0;
  #playing = false;
  #connected = 0;

  constructor(host: string, port: number, connections: number, messageBytes: number) {
    this.#messageBytes = messageBytes;
    this.#received = new Uint32Array(connections);
    new DirectTable(this.#ring, { slots: connections });
    this.#buffers = new BufferGroup(this.#ring, { group: 0, buffers: 4_096, bufferBytes: 2_048 });
    const sockaddr = encodeSockaddr({ host, port });
    this.#memory = Memory.anonymous(4_096 + messageBytes);
    this.#memory.u8.set(sockaddr);
    for (let slot = 0; slot < connections; slot++) {
      this.#ring.reserve(3);
      const socket = this.#ring.sqe(packLow(kind.socket, slot), 0);
      prepareSocketDirect(socket, AF_INET, SOCK_STREAM, 0, slot).link();
      const connect = this.#ring.sqe(packLow(kind.connect, slot), 0);
      prepareConnect(connect, direct(slot), this.#memory.address, sockaddr.length).link();
      prepareReceiveMultishot(this.#ring.sqe(packLow(kind.receive, slot), 0), direct(slot), 0);
    }
    while (this.#connected < connections) this.#step();
    this.#playing = true;
    for (let slot = 0; slot < connections; slot++) this.#send(slot);
  }

  /** Plays for `durationMs`; returns the round trips of that time. */
  play(durationMs: number): number {
    const before = this.#roundTrips;
    const end = performance.now() + durationMs;
    while (performance.now() < end) this.#step();
    return this.#roundTrips - before;
  }

  close(): void {
    this.#playing = false;
    this.#ring.close();
    this.#memory.free();
  }

  #step(): void {
    let idleMs = 0;
    for (;;) {
      this.#ring.wait(1, stepMs);
      const told = this.#ring.drain(this.#handle);
      this.#buffers.publish();
      if (told > 0) return;
      idleMs += stepMs;
      if (idleMs >= 1_000) throw new Error('nothing moved for a second');
    }
  }

  readonly #handle = (low: number, _high: number, result: number, flags: number): void => {
    const slot = unpackSlot(low);
    if (result < 0) throw new Error(`operation ${unpackKind(low)} of connection ${slot} failed: ${result}`);
    switch (unpackKind(low)) {
      case kind.connect:
        this.#connected++;
        break;
      case kind.receive:
        if ((flags & IORING_CQE_F_BUFFER) !== 0) this.#buffers.recycle(this.#buffers.take(flags));
        if ((flags & IORING_CQE_F_MORE) === 0) throw new Error(`connection ${slot} ended`);
        this.#received[slot]! += result;
        if (this.#received[slot]! < this.#messageBytes) break;
        this.#received[slot] = 0;
        this.#roundTrips++;
        if (this.#playing) this.#send(slot);
        break;
    }
  };

  #send(slot: number): void {
    const sqe = this.#ring.sqe(packLow(kind.send, slot), 0);
    prepareSend(sqe, direct(slot), this.#memory.address + 4_096, this.#messageBytes);
  }
}
