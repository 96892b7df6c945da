import { createHash } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import {
  buildMaglevTable,
  hashKeyFromHex,
  hashModulo,
  noNode,
  ownerOf,
  sipHash,
  slotCounts,
  type MaglevNode,
  type MaglevTable,
  type SipKey,
} from '../../../lib/maglev/index.ts';
import { vectors } from './vectors.ts';

const primes = [2, 3, 5, 7, 13, 251, 1_021, 4_093];
const hexKey = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => hashKeyFromHex(Buffer.from(bytes).toString('hex')));
const weight = fc.oneof(fc.constantFrom(0, 1, 1_000), fc.integer({ min: 0, max: 1_000 }));
const nodeSet = (most: number): fc.Arbitrary<MaglevNode[]> =>
  fc.uniqueArray(fc.record({ name: fc.string({ minLength: 1, maxLength: 12 }), weight }), {
    selector: ({ name }) => name,
    maxLength: most,
  });
const equal = (count: number): MaglevNode[] =>
  Array.from({ length: count }, (_, index) => ({ name: `b${index + 1}`, weight: 1 }));

/** Slot → name of its owner. */
const owners = (table: MaglevTable): (string | undefined)[] =>
  Array.from(table.slots, (owner) => table.nodes[owner]?.name);

/** The same rules without any of the shortcuts: BigInt inverses, all turns listed and sorted. */
function naive(key: SipKey, nodes: readonly MaglevNode[], size: number): (string | undefined)[] {
  const hash = (text: string): { high: number; low: number } => {
    const out = { high: 0, low: 0 };
    sipHash(key, Buffer.from(text), Buffer.byteLength(text), out);
    return out;
  };
  const inverse = (x: number): number => {
    let result = 1n;
    for (let i = 0; i < size - 2; i++) result = (result * BigInt(x)) % BigInt(size);
    return x === 0 ? 0 : Number(result);
  };
  const inverses = Array.from({ length: size }, (_, x) => inverse(x));
  const ordered = nodes.toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const total = ordered.reduce((sum, node) => sum + node.weight, 0);
  const heaviest = Math.max(0, ...ordered.map((node) => node.weight));
  const due = ordered.map((node) => (total === 0 ? 0 : Math.floor((size * node.weight) / total)));
  const left = total === 0 ? 0 : size - due.reduce((sum, share) => sum + share, 0);
  ordered
    .map((node, index) => ({ index, rest: (size * node.weight) % total }))
    .sort((one, other) => other.rest - one.rest || one.index - other.index)
    .slice(0, left)
    .forEach(({ index }) => due[index]!++);
  const preference = ordered.map(({ name }) => {
    const walk = hash(`headgate maglev walk\0${name}`);
    const shift = hashModulo(hash(`headgate maglev shift\0${name}`), size);
    const step = 1 + (walk.low % (size - 1));
    return Array.from({ length: size }, (_, j) => (inverses[(walk.high + j * step) % size]! + shift) % size);
  });
  // A turn is the list of rounds of this node's turns up to it, latest first: that is the order of the queues.
  const rounds = ordered.map((node, index) =>
    Array.from({ length: due[index]! }, (_, turn) => Math.floor((turn * heaviest) / node.weight)),
  );
  const turns = rounds.flatMap((list, index) =>
    list.map((_, turn) => ({ index, history: list.slice(0, turn + 1).reverse() })),
  );
  turns.sort((one, other) => {
    for (let i = 0; i < Math.max(one.history.length, other.history.length); i++) {
      const difference = (one.history[i] ?? -1) - (other.history[i] ?? -1);
      if (difference !== 0) return difference;
    }
    return one.index - other.index;
  });
  const slots: (string | undefined)[] = Array.from({ length: size });
  for (const { index } of turns) {
    slots[preference[index]!.find((slot) => slots[slot] === undefined)!] = ordered[index]!.name;
  }
  return slots;
}

test('the table is the one that the rules give when followed slowly', (t) => {
  fc.assert(
    fc.property(hexKey, nodeSet(5), fc.constantFrom(5, 7, 13, 61), (key, nodes, size) => {
      t.deepEqual(owners(buildMaglevTable(key, nodes, size)), naive(key, nodes, size));
    }),
    { numRuns: 60 },
  );
});

test('every slot is filled when any node has a weight, and none otherwise', (t) => {
  fc.assert(
    fc.property(hexKey, nodeSet(30), fc.constantFrom(...primes), (key, nodes, size) => {
      fc.pre(nodes.length <= size);
      const { slots } = buildMaglevTable(key, nodes, size);
      const filled = nodes.some((node) => node.weight > 0);
      t.is(slots.length, size);
      t.true(slots.every((owner) => (filled ? owner < nodes.length : owner === noNode)));
    }),
  );
});

test('the share of each node is within 1 % or 2 slots of its weight', (t) => {
  fc.assert(
    fc.property(hexKey, nodeSet(60), fc.constantFrom(...primes, 65_537), (key, nodes, size) => {
      fc.pre(nodes.length <= size);
      const table = buildMaglevTable(key, nodes, size);
      const total = nodes.reduce((sum, node) => sum + node.weight, 0);
      for (const [index, count] of slotCounts(table).entries()) {
        const due = total === 0 ? 0 : (size * table.nodes[index]!.weight) / total;
        t.true(Math.abs(count - due) <= Math.max(2, due / 100), `${count} slots instead of ${due}`);
        if (table.nodes[index]!.weight === 0) t.is(count, 0);
      }
    }),
    { numRuns: 60 },
  );
});

test('the order in which nodes are given does not matter', (t) => {
  fc.assert(
    fc.property(
      hexKey,
      nodeSet(12),
      fc.constantFrom(13, 1_021),
      fc.infiniteStream(fc.nat()),
      (key, nodes, size, at) => {
        const shuffled = nodes
          .map((node) => ({ node, at: at.next().value }))
          .sort((one, other) => one.at - other.at)
          .map(({ node }) => node);
        t.deepEqual(buildMaglevTable(key, shuffled, size), buildMaglevTable(key, nodes, size));
      },
    ),
  );
});

test('removing one of ten equal balancers moves at most 0.35 % of the others on average and never more than 1.5 %', (t) => {
  // With the paper's arithmetic progressions the last two keys move 4.6 % and 2.1 %.
  const samples = [...Array(58).keys(), 8_476, 9_454];
  const moved = samples.map((sample) => {
    const key = hashKeyFromHex(createHash('md5').update(`disruption ${sample}`).digest('hex'));
    const gone = equal(10)[sample % 10]!.name;
    const before = owners(buildMaglevTable(key, equal(10)));
    const after = owners(
      buildMaglevTable(
        key,
        equal(10).filter(({ name }) => name !== gone),
      ),
    );
    const others = before.flatMap((owner, slot) => (owner === gone ? [] : [slot]));
    return others.filter((slot) => before[slot] !== after[slot]).length / others.length;
  });
  const average = moved.reduce((sum, share) => sum + share, 0) / moved.length;
  t.true(average <= 0.0035, `average ${average}`);
  t.true(Math.max(...moved) <= 0.015, `most ${Math.max(...moved)}`);
});

test('other keys give other tables', (t) => {
  const [one, other] = ['00', '01'].map((byte) =>
    buildMaglevTable(hashKeyFromHex(byte.repeat(16)), equal(3), 1_021),
  );
  t.notDeepEqual(one!.slots, other!.slots);
});

test('the committed tables are built again, slot for slot', (t) => {
  t.true(vectors.tables.length >= 4);
  for (const { hashKey, size, nodes, counts, first, sha256 } of vectors.tables) {
    const table = buildMaglevTable(hashKeyFromHex(hashKey), nodes, size);
    t.deepEqual([...slotCounts(table)], [...counts]);
    t.deepEqual(owners(table).slice(0, 16), [...first]);
    const bytes = Buffer.alloc(2 * size);
    table.slots.forEach((owner, slot) => bytes.writeUInt16LE(owner, 2 * slot));
    t.is(createHash('sha256').update(bytes).digest('hex'), sha256);
  }
});

test('a table without nodes has no owner anywhere, and a slot outside the table has none', (t) => {
  const key = hashKeyFromHex('ab'.repeat(16));
  t.is(ownerOf(buildMaglevTable(key, [], 7), 3), noNode);
  t.is(ownerOf(buildMaglevTable(key, equal(2), 7), 7), noNode);
});

test('sizes that are not prime, bad weights, equal names and too many nodes are refused', (t) => {
  const key = hashKeyFromHex('ab'.repeat(16));
  const refused: [MaglevNode[], number, RegExp][] = [
    [[], 65_536, /65536 is not a prime/],
    [[], 1, /not a prime/],
    [[], 1_048_583, /not a prime up to 2\^20/],
    [[{ name: 'b1', weight: 1_001 }], 7, /weight 1001 of b1/],
    [[{ name: 'b1', weight: 0.5 }], 7, /weight 0\.5 of b1/],
    [[...equal(2), ...equal(1)], 7, /two nodes are named b1/],
    [equal(8), 7, /8 nodes do not fit/],
  ];
  for (const [nodes, size, message] of refused) {
    t.throws(() => buildMaglevTable(key, nodes, size), { instanceOf: RangeError, message });
  }
});
