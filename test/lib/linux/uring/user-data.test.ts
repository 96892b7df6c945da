import test from 'ava';
import fc from 'fast-check';
import {
  generationMost,
  key,
  kindMost,
  packHigh,
  packLow,
  slotMost,
  unpackGeneration,
  unpackKind,
  unpackSlot,
} from '../../../../lib/linux/uring/index.ts';

const kinds = fc.integer({ min: 0, max: kindMost });
const slots = fc.integer({ min: 0, max: slotMost });
const generations = fc.integer({ min: 0, max: generationMost });

test('kind, slot and generation come back as they were packed', (t) => {
  fc.assert(
    fc.property(kinds, slots, generations, (kind, slot, generation) => {
      const low = packLow(kind, slot);
      const high = packHigh(generation);
      t.true(low >= 0 && low <= 0xffff_ffff && Number.isInteger(low));
      t.deepEqual([unpackKind(low), unpackSlot(low), unpackGeneration(high)], [kind, slot, generation]);
    }),
  );
});

test('the key of two words is a safe integer and differs where they differ', (t) => {
  fc.assert(
    fc.property(fc.tuple(kinds, slots, generations), fc.tuple(kinds, slots, generations), (a, b) => {
      const [first, second] = [a, b].map(([kind, slot, generation]) =>
        key(packLow(kind, slot), packHigh(generation)),
      );
      t.true(Number.isSafeInteger(first) && first! < 2 ** 52);
      t.is(first === second, a.join() === b.join());
    }),
  );
});
