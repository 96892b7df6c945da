/**
 * The chat server of the bench: the compact subset of the protocol on as many rings as it needs, 12 bytes of its own per
 * connection.
 */
import { closeSync } from 'node:fs';
import type { Endpoint } from '../../lib/address/index.ts';
import { listeningSocket } from '../../lib/linux/index.ts';
import {
  emptyLine,
  LineCutter,
  readLine,
  writeDelivered,
  writeNoSuchPerson,
  writePush,
  writeTold,
  writeWelcome,
} from './chat-lines.ts';
import { StreamRing } from './stream-ring.ts';

export interface ChatRoomOptions {
  readonly endpoint: Endpoint;
  /** `c` and a number. */
  readonly name: string;
  /** Most connections. */
  readonly slots: number;
  /** Of them on one ring; default and at most 16,384. */
  readonly slotsPerRing?: number;
  /** Users are numbered from 0 to below this. */
  readonly users: number;
}

export interface ChatRoomCounts {
  accepted: number;
  connections: number;
  people: number;
  tells: number;
  /** Tells whose receiver is not here. */
  strangers: number;
  /** Messages whose number is not the one after the sender's last. Never expected. */
  disordered: number;
  pushed: number;
  /** Lines it does not understand. Never expected. */
  strange: number;
}

const nobody = -1;
const backlog = 16_384;
/** Pushes whose row is kept: the sends of older ones are done. */
const keptPushes = 8;
/** Below RLIMIT_NOFILE as it usually is at the least. */
const slotsPerRingMost = 16_384;
/** The next ring accepts when this one has so little room: a burst is accepted at once, and beyond the last slot it is reset. */
const spareShare = 1 / 8;

type Row = ReturnType<StreamRing['keepRow']>;

/** A ring and how many connections it has. */
interface Bench {
  readonly ring: StreamRing;
  readonly slots: number;
  connections: number;
}

export class ChatRoom {
  readonly counts: ChatRoomCounts = {
    accepted: 0,
    connections: 0,
    people: 0,
    tells: 0,
    strangers: 0,
    disordered: 0,
    pushed: 0,
    strange: 0,
  };
  readonly #benches: Bench[] = [];
  readonly #slotsPerRing: number;
  #accepting: Bench | undefined;
  readonly #listener: number;
  readonly #name: Uint8Array;
  readonly #lines = new LineCutter();
  readonly #userOf: Int32Array;
  readonly #lastId: Uint32Array;
  readonly #slotOf: Int32Array;
  readonly #line = emptyLine();
  /** Of each push the row in each ring. */
  readonly #pushes: (readonly Row[])[] = [];
  #slot = 0;

  /** Throws when it cannot listen. */
  constructor({ endpoint, name, slots, users, slotsPerRing = slotsPerRingMost }: ChatRoomOptions) {
    this.#slotsPerRing = slotsPerRing;
    this.#name = new TextEncoder().encode(name);
    this.#userOf = new Int32Array(slots).fill(nobody);
    this.#lastId = new Uint32Array(slots);
    this.#slotOf = new Int32Array(users).fill(nobody);
    this.#listener = listeningSocket({ endpoint, reusePort: false, backlog });
    for (let first = 0; first < slots; first += slotsPerRing) {
      this.#benches.push(this.#bench(first, Math.min(slotsPerRing, slots - first)));
    }
    this.#choose();
  }

  /** Says push `seq` to everybody who is logged in; returns how many they are. */
  push(seq: number, sentUs: number): number {
    const rows = this.#benches.map(({ ring }) =>
      ring.keepRow((into, at) => writePush(into, at, seq, sentUs)),
    );
    this.#pushes.push(rows);
    if (this.#pushes.length > keptPushes) {
      for (const [index, row] of this.#pushes.shift()!.entries()) this.#benches[index]!.ring.releaseRow(row);
    }
    let told = 0;
    for (const [slot, user] of this.#userOf.entries()) {
      if (user === nobody) continue;
      this.#ringOf(slot).sendRow(slot % this.#slotsPerRing, rows[Math.floor(slot / this.#slotsPerRing)]!);
      told++;
    }
    this.counts.pushed += told;
    return told;
  }

  close(): void {
    for (const { ring } of this.#benches) ring.close();
    closeSync(this.#listener);
  }

  #bench(first: number, slots: number): Bench {
    const bench: Bench = {
      slots,
      connections: 0,
      ring: new StreamRing({
        slots,
        handlers: {
          opened: () => {
            bench.connections++;
            this.counts.accepted++;
            this.counts.connections++;
            if (bench === this.#accepting && roomOf(bench) === 0) this.#choose();
          },
          heard: (slot, bytes) => {
            this.#slot = first + slot;
            this.#lines.cut(first + slot, bytes, this.#hear);
          },
          ended: (slot) => {
            bench.connections--;
            this.#leave(first + slot);
          },
        },
      }),
    };
    return bench;
  }

  /** Lets the ring with most room accept. */
  #choose(): void {
    const best = this.#benches.reduce((one, other) => (roomOf(other) > roomOf(one) ? other : one));
    if (best === this.#accepting) return;
    this.#accepting?.ring.pause();
    this.#accepting = best;
    best.ring.listen(this.#listener);
  }

  #ringOf(slot: number): StreamRing {
    return this.#benches[Math.floor(slot / this.#slotsPerRing)]!.ring;
  }

  #send(slot: number, write: (into: Uint8Array, at: number) => number): void {
    this.#ringOf(slot).send(slot % this.#slotsPerRing, write);
  }

  readonly #hear = (bytes: Uint8Array, start: number, end: number): void => {
    const line = this.#line;
    readLine(bytes, start, end, line);
    if (line.kind === 'tell') this.#tell(this.#slot, bytes);
    else if (line.kind === 'login') this.#login(this.#slot, line.user);
    else this.counts.strange++;
  };

  #login(slot: number, user: number): void {
    if (user >= this.#slotOf.length || this.#userOf[slot] !== nobody) {
      this.counts.strange++;
      return;
    }
    this.#userOf[slot] = user;
    this.#slotOf[user] = slot;
    this.#lastId[slot] = 0;
    this.counts.people++;
    this.#send(slot, (into, at) => writeWelcome(into, at, user, this.#name, this.counts.people));
  }

  #tell(slot: number, bytes: Uint8Array): void {
    const { user: to, id, textStart, textEnd } = this.#line;
    const from = this.#userOf[slot]!;
    if (from === nobody) {
      this.counts.strange++;
      return;
    }
    this.counts.tells++;
    // The first of a session goes on where the last session ended.
    if (this.#lastId[slot] !== 0 && id !== this.#lastId[slot]! + 1) this.counts.disordered++;
    this.#lastId[slot] = id;
    const receiver = this.#slotOf[to] ?? nobody;
    if (receiver === nobody) {
      this.counts.strangers++;
      this.#send(slot, (into, at) => writeNoSuchPerson(into, at, id));
      return;
    }
    const text = bytes.subarray(textStart, textEnd);
    this.#send(receiver, (into, at) => writeTold(into, at, from, this.#name, text));
    this.#send(slot, (into, at) => writeDelivered(into, at, id));
  }

  #leave(slot: number): void {
    this.counts.connections--;
    this.#lines.forget(slot);
    const user = this.#userOf[slot]!;
    if (user === nobody) return;
    this.#userOf[slot] = nobody;
    this.counts.people--;
    // The user may be here again already.
    if (this.#slotOf[user] === slot) this.#slotOf[user] = nobody;
  }
}

/** Slots it may still fill before another one accepts. */
function roomOf({ slots, connections }: Bench): number {
  return Math.max(0, Math.floor(slots * (1 - spareShare)) - connections);
}
