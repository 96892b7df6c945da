import { preferences, type Preferences } from './preference.ts';
import { isPrime } from './prime.ts';
import type { SipKey } from './siphash.ts';

/** Slots of a table unless told otherwise: a prime (2^16 + 1), so that any step visits every slot. */
export const defaultTableSize = 65_537;

/** What a slot holds when there is no node. */
export const noNode = 0xffff;

/** Largest weight; the topology's limit. */
export const maxWeight = 1_000;

/** A node as the table sees it; names are unique. */
export interface MaglevNode {
  readonly name: string;
  /** 0 to 1000; 0 gets no slot. */
  readonly weight: number;
}

/** Immutable: who owns each slot. */
export interface MaglevTable {
  /** Number of slots, a prime. */
  readonly size: number;
  /** Ordered by name; the slots hold indices into this. */
  readonly nodes: readonly MaglevNode[];
  /** Index of the owner, or `noNode` in every slot when no node has a weight. Never written after it was built. */
  readonly slots: Readonly<Uint16Array>;
}

/**
 * Builds a weighted Maglev table (Eisenbud et al., "Maglev", NSDI 2016, section 3.4).
 *
 * Each node has its own order of preference over the slots, from a hash of its name (preference.ts), and nodes take
 * turns at claiming their next free one. A node of weight w has its k-th turn in round floor(k · maxWeight / w), so turns
 * are interleaved by weight; within a round they keep the order of the previous turns, which removing another
 * node does not change. Each node stops at its share of the slots (largest remainder), so shares are exact to one slot.
 *
 * Throws RangeError for a size that is not a prime up to 2^20, a weight out of range, two nodes of one name, or
 * more nodes than slots.
 */
export function buildMaglevTable(
  key: SipKey,
  nodes: readonly MaglevNode[],
  size: number = defaultTableSize,
): MaglevTable {
  const ordered = nodes
    .map(({ name, weight }) => Object.freeze({ name, weight }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
  check(ordered, size);
  const slots = new Uint16Array(size).fill(noNode);
  const weights = Uint32Array.from(ordered, ({ weight }) => weight);
  fill(slots, preferences(key, ordered, size), weights, shares(weights, size));
  return Object.freeze({ size, nodes: Object.freeze(ordered), slots });
}

/** Index of the node that owns `slot`, or `noNode`. */
export function ownerOf(table: MaglevTable, slot: number): number {
  return table.slots[slot] ?? noNode;
}

/** Number of slots of each node, in the order of `table.nodes`. */
export function slotCounts(table: MaglevTable): Uint32Array {
  const counts = new Uint32Array(table.nodes.length);
  for (const owner of table.slots) if (owner !== noNode) counts[owner]!++;
  return counts;
}

function check(ordered: readonly MaglevNode[], size: number): void {
  if (!isPrime(size) || size > 1 << 20) throw new RangeError(`table size ${size} is not a prime up to 2^20`);
  if (ordered.length > Math.min(size, noNode)) {
    throw new RangeError(`${ordered.length} nodes do not fit into a table of ${size} slots`);
  }
  for (const [index, { name, weight }] of ordered.entries()) {
    if (!Number.isInteger(weight) || weight < 0 || weight > maxWeight) {
      throw new RangeError(`weight ${weight} of ${name} is not a whole number from 0 to ${maxWeight}`);
    }
    if (ordered[index - 1]?.name === name) throw new RangeError(`two nodes are named ${name}`);
  }
}

/** Slots each node is due: proportional to weight, rounded by largest remainder, ties by name. Sums to `size`. */
function shares(weights: Uint32Array, size: number): Uint32Array {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === 0) return new Uint32Array(weights.length);
  const due = weights.map((weight) => Math.floor((size * weight) / total));
  const left = size - due.reduce((sum, share) => sum + share, 0);
  const byRemainder = Array.from(weights, (weight, index) => ({ index, rest: (size * weight) % total }));
  byRemainder.sort((one, other) => other.rest - one.rest || one.index - other.index);
  for (const { index } of byRemainder.slice(0, left)) due[index]!++;
  return due;
}

/** Lets the nodes take their turns. Rounds are queues of nodes linked through `next`, so that a turn costs no search. */
function fill(
  slots: Uint16Array,
  { starts, steps, shifts, inverses }: Preferences,
  weights: Uint32Array,
  due: Uint32Array,
): void {
  const size = slots.length;
  const heaviest = weights.reduce((most, weight) => Math.max(most, weight), 0);
  const none = -1;
  const next = new Int32Array(weights.length).fill(none);
  const turns = new Uint32Array(weights.length);
  const position = Uint32Array.from(starts);
  // The last round is below (due - 1) · heaviest / weight, and that is below size · heaviest / total.
  const heads = new Int32Array(size + 1).fill(none);
  const tails = new Int32Array(size + 1).fill(none);
  const queue = (node: number, round: number): void => {
    next[node] = none;
    const tail = tails[round]!;
    if (tail === none) heads[round] = node;
    else next[tail] = node;
    tails[round] = node;
  };
  for (let node = 0; node < weights.length; node++) if (due[node]! > 0) queue(node, 0);

  for (let round = 0, left = due.reduce((sum, share) => sum + share, 0); left > 0; round++) {
    for (let node = heads[round]!, after = none; node !== none; node = after) {
      after = next[node]!;
      const step = steps[node]!;
      const shift = shifts[node]!;
      let at = position[node]!;
      let slot = wrap(inverses[at]! + shift, size);
      while (slots[slot] !== noNode) {
        at = wrap(at + step, size);
        slot = wrap(inverses[at]! + shift, size);
      }
      slots[slot] = node;
      position[node] = at;
      left--;
      if (++turns[node]! < due[node]!) queue(node, Math.floor((turns[node]! * heaviest) / weights[node]!));
    }
  }
}

/** `sum` modulo `size`, of a sum below twice the size: no division in the inner loop. */
function wrap(sum: number, size: number): number {
  return sum >= size ? sum - size : sum;
}
