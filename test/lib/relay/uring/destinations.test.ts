import test from 'ava';
import fc from 'fast-check';
import { Destinations } from '../../../../lib/relay/uring/destinations.ts';

const rows = 16;
const steps = fc.array(fc.record({ row: fc.nat(rows - 1), id: fc.constantFrom('a', 'b', 'c') }), {
  maxLength: 80,
});

test('rows are counted and listed per destination, oldest first, as in a plain list', (t) => {
  fc.assert(
    fc.property(steps, (plan) => {
      const destinations = new Destinations(rows);
      let model: { row: number; id: string }[] = [];
      for (const step of plan) {
        const present = model.find(({ row }) => row === step.row);
        if (present === undefined) {
          destinations.add(step.id, step.row);
          model.push(step);
        } else {
          destinations.remove(present.id, present.row);
          model = model.filter((entry) => entry !== present);
        }
        for (const id of ['a', 'b', 'c']) {
          const expected = model.filter((entry) => entry.id === id).map(({ row }) => row);
          t.deepEqual(destinations.oldest(id, Infinity), expected);
          t.deepEqual(destinations.oldest(id, 2), expected.slice(0, 2));
          t.is(destinations.counts().get(id), expected.length === 0 ? undefined : expected.length);
        }
      }
    }),
    { numRuns: 100 },
  );
});
