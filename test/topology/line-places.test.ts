import test from 'ava';
import { LinePlaces } from '../../topology/line-places.ts';

test('an offset is found at its line and column, also at breaks, at the end and outside', (t) => {
  const places = new LinePlaces('ab\n\nc');
  const found = [-1, 0, 1, 2, 3, 4, 5, 9].map((offset) => places.at(offset));
  t.deepEqual(
    found.map(({ line, column }) => `${line}:${column}`),
    ['1:1', '1:1', '1:2', '1:3', '2:1', '3:1', '3:2', '3:2'],
  );
});

test('a text without a character has one place', (t) => {
  t.deepEqual(new LinePlaces('').at(0), { line: 1, column: 1 });
});
