import { cell, head, magic, regions, seat, service } from './pick-table-layout.ts';

/**
 * Who may be picked, best first: the best level anybody has is picked from. `full`, `draining` or without an upstream of
 * its own by its own word is reluctant.
 */
export const level = { none: 0, preferred: 1, backup: 2, reluctant: 3, reluctantBackup: 4 } as const;
export type Level = (typeof level)[keyof typeof level];

/** The supervisor's token of the table's lock; a worker's is its place and 1. */
export const supervisorToken = 0x7fff_ffff;

/** Bytes per word of an Int32Array and a Float64Array. */
const word = 4;
const double = 8;

/**
 * The numbers behind the picks of a node, in memory that its workers share, or in the supervisor's own where they
 * cannot. A worker is known by its place, from 0. Counts and seats are written by their own worker only, or by the
 * supervisor when that worker is dead; values, tickets and the rest under the lock, which lies here too.
 */
export class PickTable {
  readonly workers: number;
  /** For the lock at `lockAt`. */
  readonly words: Int32Array<ArrayBuffer>;
  readonly lockAt = head.offsetOf('lock') / word;
  readonly #doubles: Float64Array;
  readonly #services: number;
  readonly #seats: number;
  readonly #limits: number;
  readonly #counts: number;
  readonly #cells: number;

  /** Bytes of a table for that many workers. */
  static bytes(workers: number): number {
    return regions(workers).bytes;
  }

  /** A view of memory; zeroed memory is an empty table of generation 0. Throws RangeError when it is too small. */
  constructor(memory: ArrayBuffer, workers: number) {
    const { services, seats, limits, counts, cells, bytes } = regions(workers);
    if (memory.byteLength < bytes)
      throw new RangeError(`a pick table for ${workers} workers has ${bytes} bytes`);
    this.workers = workers;
    this.words = new Int32Array(memory, 0, bytes / word);
    this.#doubles = new Float64Array(memory, 0, bytes / double);
    this.#services = services;
    this.#seats = seats;
    this.#limits = limits / word;
    this.#counts = counts / word;
    this.#cells = cells;
    this.words[head.offsetOf('magic') / word] = magic;
    this.words[head.offsetOf('workers') / word] = workers;
  }

  get generation(): number {
    return Atomics.load(this.words, head.offsetOf('generation') / word);
  }

  set generation(generation: number) {
    Atomics.store(this.words, head.offsetOf('generation') / word, generation);
  }

  /** Most connections of the row; 0: no limit. */
  limit(row: number): number {
    return Atomics.load(this.words, this.#limits + row);
  }

  setLimit(row: number, most: number): void {
    Atomics.store(this.words, this.#limits + row, most);
  }

  hold(place: number, row: number): void {
    Atomics.add(this.words, this.#count(place, row), 1);
  }

  /** False when the worker holds no place there: nothing is changed. */
  release(place: number, row: number): boolean {
    const at = this.#count(place, row);
    if (Atomics.load(this.words, at) <= 0) return false;
    Atomics.sub(this.words, at, 1);
    return true;
  }

  held(place: number, row: number): number {
    return Atomics.load(this.words, this.#count(place, row));
  }

  total(row: number): number {
    const from = this.#count(0, row);
    let sum = 0;
    for (let at = from; at < from + this.workers; at++) sum += Atomics.load(this.words, at);
    return sum;
  }

  /** Whether one connection more stays within the limit. */
  hasRoom(row: number): boolean {
    const limit = this.limit(row);
    return limit === 0 || this.total(row) < limit;
  }

  level(at: number): Level {
    return this.words[this.#cell(at, 'level')] as Level;
  }

  share(at: number): number {
    return this.words[this.#cell(at, 'share')]!;
  }

  value(at: number): number {
    return this.#doubles[(this.#cells + at * cell.size) / double]!;
  }

  setLevel(at: number, to: Level): void {
    Atomics.store(this.words, this.#cell(at, 'level'), to);
  }

  setShare(at: number, hundredths: number): void {
    Atomics.store(this.words, this.#cell(at, 'share'), hundredths);
  }

  setValue(at: number, value: number): void {
    this.#doubles[(this.#cells + at * cell.size) / double] = value;
  }

  /** Clients of a service that wait, in all workers. */
  waiting(index: number): number {
    let sum = 0;
    for (let place = 0; place < this.workers; place++) sum += this.#waitingAt(index, place);
    return sum;
  }

  /** Place of the worker whose client waits longest; -1 when none waits. */
  oldestPlace(index: number): number {
    let found = -1;
    let oldest = Infinity;
    for (let place = 0; place < this.workers; place++) {
      if (this.#waitingAt(index, place) === 0) continue;
      const ticket = this.#doubles[this.#seat(index, place) / double]!;
      if (ticket < oldest) {
        found = place;
        oldest = ticket;
      }
    }
    return found;
  }

  /** Tells how many of the worker's clients wait, and the ticket of the first. */
  setSeat(index: number, place: number, waiting: number, oldest: number): void {
    const at = this.#seat(index, place);
    this.#doubles[at / double] = oldest;
    Atomics.store(this.words, (at + seat.offsetOf('waiting')) / word, waiting);
  }

  takeTicket(index: number): number {
    const at = (this.#services + index * service.size) / double;
    return this.#doubles[at]!++;
  }

  isFull(index: number): boolean {
    return Atomics.load(this.words, this.#full(index)) === 1;
  }

  setFull(index: number, full: boolean): void {
    Atomics.store(this.words, this.#full(index), full ? 1 : 0);
  }

  #waitingAt(index: number, place: number): number {
    return Atomics.load(this.words, (this.#seat(index, place) + seat.offsetOf('waiting')) / word);
  }

  #full(index: number): number {
    return (this.#services + index * service.size + service.offsetOf('full')) / word;
  }

  #seat(index: number, place: number): number {
    return this.#seats + (index * this.workers + place) * seat.size;
  }

  #count(place: number, row: number): number {
    return this.#counts + row * this.workers + place;
  }

  #cell(at: number, field: 'level' | 'share'): number {
    return (this.#cells + at * cell.size) / word + (field === 'level' ? levelAt : shareAt);
  }
}

const levelAt = cell.offsetOf('level') / word;
const shareAt = cell.offsetOf('share') / word;
