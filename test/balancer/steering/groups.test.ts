import test from 'ava';
import { GroupNumbers } from '../../../balancer/steering/index.ts';

test('a listener keeps its number while it is there, and numbers are used again', (t) => {
  const groups = new GroupNumbers();
  t.deepEqual(
    [...groups.assign(['a', 'b', 'c'])],
    [
      ['a', 0],
      ['b', 1],
      ['c', 2],
    ],
  );
  t.deepEqual(
    [...groups.assign(['c', 'a'])],
    [
      ['a', 0],
      ['c', 2],
    ],
  );
  t.deepEqual(
    [...groups.assign(['d', 'a', 'e', 'c'])],
    [
      ['a', 0],
      ['c', 2],
      ['d', 1],
      ['e', 3],
    ],
  );
});
