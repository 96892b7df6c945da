import { closeSync } from 'node:fs';
import { endSending } from '../../linux/index.ts';
import {
  direct,
  EAGAIN,
  ECANCELED,
  ENOBUFS,
  IORING_CQE_F_BUFFER,
  IORING_CQE_F_MORE,
  MSG_DONTWAIT,
  POLLERR,
  POLLHUP,
  prepareInstall,
  preparePollMultishot,
  prepareReceiveMultishot,
  prepareReceiveProvided,
  prepareSend,
  prepareShutdown,
  SHUT_WR,
} from '../../linux/uring/index.ts';
import { kinds } from './kinds.ts';
import { sharedBufferBytes, type Machine } from './machine.ts';
import { SpillQueue } from './spill-queue.ts';
import { SpillArena } from './spill.ts';

/** Whoever knows what connections are: told in the middle of a batch, and may end the connection from within. */
export interface CarrierOwner {
  /** Bytes of a client that has no destination yet; valid during the call. */
  early(row: number, bytes: Uint8Array): void;
  /** FIN of such a client. Returns whether it stays. */
  earlyEnd(row: number): boolean;
  /** Payload that is on its way. */
  counted(socket: number, bytes: number): void;
  socketFailed(socket: number, errno: number): void;
  /** Both ends have sent FIN and all bytes are with the kernel. */
  finished(row: number): void;
  /** Calls watchAll() a little later, once. */
  watchSoon(): void;
}

/** What a socket is up to. */
const flag = {
  /** A receive is under way. */
  armed: 1,
  /** It has sent FIN. */
  ended: 2,
  /** All it has sent is with the kernel of the other side, FIN too. */
  done: 4,
  /** A send of what it sent is under way. */
  sending: 8,
  /** What it sent waits in chunks of its own. */
  slow: 16,
  /** It waits for a shared buffer. */
  starved: 32,
  joined: 64,
  /** It has sent FIN and an error of it would be told. */
  watched: 128,
} as const;

const none = -1;
/** A piece is at most this part of what a connection may hold, so that one is received while others are sent. */
const piecesHeld = 4;

/**
 * Carries bytes between the two sockets of each row. Socket s sends to s ^ 1; all state is in typed arrays by socket.
 *
 * Bytes come in shared buffers and leave from there at once, by a send that does not wait. Only when the kernel of the
 * receiver takes less are they copied into memory of the connection's own and wait there: a receiver that does not read
 * never holds a shared buffer longer than one batch, and costs at most bufferBytes.
 */
export class Carrier {
  readonly #machine: Machine;
  readonly #owner: CarrierOwner;
  readonly #isLimited: boolean;
  readonly #arena = new SpillArena();
  readonly #spills = new Map<number, SpillQueue>();
  readonly #flags: Uint8Array;
  /** Bytes received and not yet with the kernel of the other side. */
  readonly #held: Uint32Array;
  /** First and last shared buffer that waits to be sent. */
  readonly #head: Int32Array;
  readonly #tail: Int32Array;
  /** By buffer: bytes in it, and the one behind it. */
  readonly #length: Uint32Array;
  readonly #next: Int32Array;
  /** By row. */
  readonly #bufferBytes: Uint32Array;
  /** Sockets that have sent FIN and are not watched yet. */
  #unwatched: number[] = [];
  #starved: number[] = [];

  /** `isLimited`: the kernel ends multishot receives after so many bytes; else single receives do. */
  constructor(machine: Machine, owner: CarrierOwner, isLimited: boolean) {
    this.#machine = machine;
    this.#owner = owner;
    this.#isLimited = isLimited;
    const sockets = 2 * machine.rows;
    this.#flags = new Uint8Array(sockets);
    this.#held = new Uint32Array(sockets);
    this.#head = new Int32Array(sockets).fill(none);
    this.#tail = new Int32Array(sockets).fill(none);
    this.#length = new Uint32Array(machine.group.buffers);
    this.#next = new Int32Array(machine.group.buffers);
    this.#bufferBytes = new Uint32Array(machine.rows);
    machine.ring.adopt(() => this.#arena.close());
  }

  /** Bytes mapped for receivers that do not read. */
  get spillBytes(): number {
    return this.#arena.mappedBytes;
  }

  /** Chunks of them in use. */
  get spillChunks(): number {
    return this.#arena.chunks;
  }

  /** A new life of a row: begins to receive from its client. */
  open(row: number, bufferBytes: number): void {
    for (const socket of [2 * row, 2 * row + 1]) {
      this.#flags[socket] = 0;
      this.#held[socket] = 0;
      this.#head[socket] = this.#tail[socket] = none;
    }
    this.#bufferBytes[row] = bufferBytes;
    this.arm(2 * row);
  }

  /** Counts payload that the owner keeps for now. */
  keep(row: number, bytes: number): void {
    this.#held[2 * row]! += bytes;
  }

  /** The destination is connected: `preface` and what was kept go first. */
  join(row: number, preface: Uint8Array | undefined, kept: readonly Uint8Array[]): void {
    const client = 2 * row;
    this.#flags[client]! |= flag.joined;
    this.#flags[client + 1]! |= flag.joined;
    this.#owner.counted(client, this.#held[client]!);
    if (preface !== undefined && preface.length > 0) this.#held[client]! += preface.length;
    if (this.#held[client]! > 0) {
      const queue = this.#slow(client);
      if (preface !== undefined) queue.append(preface);
      for (const bytes of kept) queue.append(bytes);
    }
    this.#pump(client);
    this.arm(client + 1);
  }

  /** Drops what waits; what a send under way uses is dropped with its completion. */
  drop(socket: number): void {
    const isSending = this.#has(socket, flag.sending);
    const spill = this.#spills.get(socket);
    if (spill !== undefined) {
      spill.drop(isSending);
      if (!isSending) this.#spills.delete(socket);
    }
    const keeps = isSending && spill === undefined;
    let buffer = this.#head[socket]!;
    if (keeps) buffer = this.#next[buffer]!;
    for (; buffer !== none; buffer = this.#next[buffer]!) this.#machine.group.recycle(buffer);
    if (keeps) this.#next[this.#head[socket]!] = none;
    else this.#head[socket] = none;
    this.#tail[socket] = this.#head[socket]!;
    this.#clear(socket, flag.starved);
  }

  /** Ends a socket with RST and drops what it sent. */
  reset(socket: number): void {
    const row = socket >> 1;
    const side = socket & 1;
    this.drop(socket);
    // What is under way would keep it open.
    if (this.#has(socket, flag.armed)) this.#machine.cancel(row, kinds.receive | side);
    if (this.#has(socket ^ 1, flag.sending)) this.#machine.cancel(row, kinds.send | (side ^ 1));
    if (this.#has(socket, flag.watched)) this.#machine.cancel(row, kinds.watch | side);
    this.#machine.resetSocket(row, socket);
  }

  /** Receives, unless it does already, has ended, or the bytes held leave too little room. */
  arm(socket: number): void {
    if ((this.#flags[socket]! & (flag.armed | flag.ended | flag.starved)) !== 0) return;
    const row = socket >> 1;
    const mostBytes = this.#bufferBytes[row]!;
    const room = mostBytes - this.#held[socket]!;
    // Half at least, so that a bulk transfer is not received in crumbs.
    if (room < mostBytes / 2) return;
    this.#flags[socket]! |= flag.armed;
    const { group } = this.#machine.group;
    const sqe = this.#machine.request(kinds.receive | (socket & 1), row);
    const pieceBytes = Math.min(sharedBufferBytes, mostBytes / piecesHeld);
    // The kernel looks at the limit after each piece, so it may be passed by almost one.
    if (this.#isLimited) {
      const how = { mostBytes: pieceBytes, totalBytes: room - pieceBytes };
      prepareReceiveMultishot(sqe, direct(socket), group, how);
    } else {
      prepareReceiveProvided(sqe, direct(socket), group, { mostBytes: pieceBytes });
    }
  }

  /** A completion of a receive. */
  received(socket: number, isCurrent: boolean, result: number, flags: number): void {
    const { group } = this.#machine;
    const buffer = (flags & IORING_CQE_F_BUFFER) !== 0 ? group.take(flags) : none;
    if (!isCurrent || result <= 0) {
      if (buffer !== none) group.recycle(buffer);
      if (!isCurrent) return;
    }
    const isMore = (flags & IORING_CQE_F_MORE) !== 0;
    if (!isMore) this.#clear(socket, flag.armed);
    if (result > 0) {
      this.#deliver(socket, buffer, result);
      if (!isMore && this.#machine.table.isLive(socket >> 1)) this.arm(socket);
    } else if (result === 0) {
      this.#ended(socket);
    } else if (result === -ENOBUFS) {
      group.ranOut();
      this.#flags[socket]! |= flag.starved;
      this.#starved.push(socket);
    } else if (result !== -ECANCELED) {
      this.#owner.socketFailed(socket, -result);
    }
  }

  /** A completion of a send of what `socket` sent. */
  sent(socket: number, isCurrent: boolean, result: number): void {
    this.#clear(socket, flag.sending);
    if (!isCurrent) {
      this.drop(socket);
      return;
    }
    if (this.#has(socket, flag.slow)) this.#sentSlowly(socket, result);
    else this.#sentAtOnce(socket, result);
  }

  /** The plain descriptor for FIN to `socket`, which nobody else knows; or none, then the kernel's threads have to do it. */
  halved(socket: number, isCurrent: boolean, result: number): void {
    if (result < 0) {
      if (!isCurrent) return;
      const sqe = this.#machine.request(kinds.shutdown | (socket & 1), socket >> 1);
      prepareShutdown(sqe, direct(socket), SHUT_WR);
      return;
    }
    try {
      if (isCurrent) endSending(result);
    } catch {
      // It is dead, and the receive or the watch on it tells how.
    } finally {
      closeSync(result);
    }
  }

  /** A completion of shutdown(), of FIN to `socket`. */
  shutDown(socket: number, isCurrent: boolean, result: number): void {
    if (isCurrent && result < 0) this.#owner.socketFailed(socket, -result);
  }

  /** A change at a socket that has sent FIN: when it failed, a send of nothing tells how. */
  watched(socket: number, isCurrent: boolean, result: number, isMore: boolean): void {
    if (!isCurrent) return;
    if (!isMore) this.#clear(socket, flag.watched);
    // After FIN both ways nothing is expected of it.
    if (result < 0 || this.#has(socket ^ 1, flag.done)) return;
    if ((result & (POLLERR | POLLHUP)) === 0) {
      // The completion queue was full: the watch ended, not what it is for.
      if (!isMore) this.#watch(socket);
      return;
    }
    const sqe = this.#machine.request(kinds.probe | (socket & 1), socket >> 1);
    prepareSend(sqe, direct(socket), this.#machine.oneAt, 0);
  }

  probed(socket: number, isCurrent: boolean, result: number): void {
    if (isCurrent && result < 0) this.#owner.socketFailed(socket, -result);
  }

  /** After each batch: those that found no shared buffer get their turn, in order, as far as there are buffers. */
  feedStarved(): void {
    if (this.#starved.length === 0) return;
    let left = this.#machine.group.available;
    let fed = 0;
    for (; fed < this.#starved.length && left > 0; fed++) {
      const socket = this.#starved[fed]!;
      // Not starved: the connection ended, and perhaps the row lives again.
      if (!this.#has(socket, flag.starved)) continue;
      this.#clear(socket, flag.starved);
      this.arm(socket);
      left--;
    }
    this.#starved = this.#starved.slice(fed);
  }

  #deliver(socket: number, buffer: number, bytes: number): void {
    const { group } = this.#machine;
    if (!this.#has(socket, flag.joined)) {
      this.#owner.early(socket >> 1, group.view(buffer, bytes));
      group.recycle(buffer);
      return;
    }
    this.#held[socket]! += bytes;
    this.#owner.counted(socket, bytes);
    if (this.#has(socket, flag.slow)) {
      this.#slow(socket).append(group.view(buffer, bytes));
      group.recycle(buffer);
      return;
    }
    this.#length[buffer] = bytes;
    this.#next[buffer] = none;
    const last = this.#tail[socket]!;
    if (last === none) this.#head[socket] = buffer;
    else this.#next[last] = buffer;
    this.#tail[socket] = buffer;
    if (!this.#has(socket, flag.sending)) this.#send(socket);
  }

  #ended(socket: number): void {
    const row = socket >> 1;
    this.#flags[socket]! |= flag.ended;
    if (this.#has(socket, flag.joined)) this.#pump(socket);
    else if (!this.#owner.earlyEnd(row)) return;
    if (!this.#machine.table.isLive(row)) return;
    // Nothing is received any more: an error would go unnoticed. Most follow with the other FIN in no time.
    if (this.#unwatched.length === 0) this.#owner.watchSoon();
    this.#unwatched.push(socket);
  }

  /** Watches the sockets that have sent FIN and whose connection still lives. */
  watchAll(): void {
    const sockets = this.#unwatched;
    this.#unwatched = [];
    for (const socket of sockets) {
      const isHalfOpen = this.#machine.table.isLive(socket >> 1) && this.#has(socket, flag.ended);
      if (isHalfOpen && !this.#has(socket, flag.watched)) this.#watch(socket);
    }
    this.#machine.loop.flush();
  }

  /** Ends the watches on a row both ends of which have sent FIN: nothing else is under way there. */
  unwatch(row: number): void {
    for (const socket of [2 * row, 2 * row + 1]) {
      if (this.#has(socket, flag.watched)) this.#machine.cancel(row, kinds.watch | (socket & 1));
    }
  }

  #watch(socket: number): void {
    this.#flags[socket]! |= flag.watched;
    const sqe = this.#machine.request(kinds.watch | (socket & 1), socket >> 1);
    // POLLERR and POLLHUP come unasked.
    preparePollMultishot(sqe, direct(socket), 0);
  }

  #sentSlowly(socket: number, result: number): void {
    const spill = this.#spills.get(socket)!;
    if (result < 0) {
      this.#owner.socketFailed(socket ^ 1, -result);
      return;
    }
    spill.consume(result);
    this.#held[socket]! -= result;
    if (spill.isEmpty) {
      this.#spills.delete(socket);
      this.#clear(socket, flag.slow);
    }
    this.#pump(socket);
  }

  #sentAtOnce(socket: number, result: number): void {
    const { group } = this.#machine;
    const buffer = this.#head[socket]!;
    const bytes = this.#length[buffer]!;
    if (result === bytes) {
      this.#held[socket]! -= bytes;
      this.#shift(socket);
      group.recycle(buffer);
      this.#pump(socket);
    } else if (result >= 0 || result === -EAGAIN) {
      this.#moveToSpill(socket, Math.max(result, 0));
      this.#pump(socket);
    } else {
      this.#owner.socketFailed(socket ^ 1, -result);
    }
  }

  /** All that waits goes to chunks of the connection's own; of the first buffer `sent` bytes are gone already. */
  #moveToSpill(socket: number, sent: number): void {
    const { group } = this.#machine;
    const queue = this.#slow(socket);
    this.#held[socket]! -= sent;
    let offset = sent;
    while (this.#head[socket] !== none) {
      const buffer = this.#head[socket]!;
      queue.append(group.view(buffer, this.#length[buffer]! - offset, offset));
      offset = 0;
      this.#shift(socket);
      group.recycle(buffer);
    }
  }

  #shift(socket: number): void {
    const next = this.#next[this.#head[socket]!]!;
    this.#head[socket] = next;
    if (next === none) this.#tail[socket] = none;
  }

  /** The queue of chunks, from now on in use. */
  #slow(socket: number): SpillQueue {
    let queue = this.#spills.get(socket);
    if (queue === undefined) {
      queue = new SpillQueue(this.#arena);
      this.#spills.set(socket, queue);
      this.#flags[socket]! |= flag.slow;
    }
    return queue;
  }

  /** What comes next in this direction: more bytes, FIN, or receiving again. */
  #pump(socket: number): void {
    if (!this.#has(socket, flag.sending)) {
      if (this.#held[socket]! > 0) this.#send(socket);
      else if (this.#has(socket, flag.ended)) {
        this.#finish(socket);
        return;
      }
    }
    this.arm(socket);
  }

  #send(socket: number): void {
    this.#flags[socket]! |= flag.sending;
    const sqe = this.#machine.request(kinds.send | (socket & 1), socket >> 1);
    const to = direct(socket ^ 1);
    if (this.#has(socket, flag.slow)) {
      const { address, length } = this.#spills.get(socket)!;
      prepareSend(sqe, to, address, length);
    } else {
      const buffer = this.#head[socket]!;
      prepareSend(sqe, to, this.#machine.group.address(buffer), this.#length[buffer]!, MSG_DONTWAIT);
    }
  }

  /** All that `socket` will ever send is with the kernel. */
  #finish(socket: number): void {
    if (this.#has(socket, flag.done)) return;
    this.#flags[socket]! |= flag.done;
    const other = socket ^ 1;
    if (this.#has(other, flag.done)) {
      // Closing sends the second FIN.
      this.#owner.finished(socket >> 1);
      return;
    }
    // shutdown() on a ring is always run by a thread of the kernel, which costs more than this detour.
    prepareInstall(this.#machine.request(kinds.half | (other & 1), socket >> 1), other);
  }

  #has(socket: number, which: number): boolean {
    return (this.#flags[socket]! & which) !== 0;
  }

  #clear(socket: number, which: number): void {
    this.#flags[socket]! &= ~which;
  }
}
