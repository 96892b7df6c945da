/** The chat server of the bench: the compact subset of the protocol on one ring, 12 bytes of its own per connection. */
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
  readonly #ring: StreamRing;
  readonly #listener: number;
  readonly #name: Uint8Array;
  readonly #lines = new LineCutter();
  readonly #userOf: Int32Array;
  readonly #lastId: Uint32Array;
  readonly #slotOf: Int32Array;
  readonly #line = emptyLine();
  readonly #pushes: { readonly row: number; readonly bytes: number }[] = [];
  #slot = 0;

  /** Throws when it cannot listen. */
  constructor({ endpoint, name, slots, users }: ChatRoomOptions) {
    this.#name = new TextEncoder().encode(name);
    this.#userOf = new Int32Array(slots).fill(nobody);
    this.#lastId = new Uint32Array(slots);
    this.#slotOf = new Int32Array(users).fill(nobody);
    this.#listener = listeningSocket({ endpoint, reusePort: false, backlog });
    this.#ring = new StreamRing({
      slots,
      handlers: {
        opened: () => {
          this.counts.accepted++;
          this.counts.connections++;
        },
        heard: (slot, bytes) => {
          this.#slot = slot;
          this.#lines.cut(slot, bytes, this.#hear);
        },
        ended: (slot) => this.#leave(slot),
      },
    });
    this.#ring.listen(this.#listener);
  }

  /** Says push `seq` to everybody who is logged in; returns how many they are. */
  push(seq: number, sentUs: number): number {
    const row = this.#ring.keepRow((into, at) => writePush(into, at, seq, sentUs));
    this.#pushes.push(row);
    if (this.#pushes.length > keptPushes) this.#ring.releaseRow(this.#pushes.shift()!);
    let told = 0;
    for (const [slot, user] of this.#userOf.entries()) {
      if (user === nobody) continue;
      this.#ring.sendRow(slot, row);
      told++;
    }
    this.counts.pushed += told;
    return told;
  }

  close(): void {
    this.#ring.close();
    closeSync(this.#listener);
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
    this.#ring.send(slot, (into, at) => writeWelcome(into, at, user, this.#name, this.counts.people));
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
      this.#ring.send(slot, (into, at) => writeNoSuchPerson(into, at, id));
      return;
    }
    const text = bytes.subarray(textStart, textEnd);
    this.#ring.send(receiver, (into, at) => writeTold(into, at, from, this.#name, text));
    this.#ring.send(slot, (into, at) => writeDelivered(into, at, id));
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
