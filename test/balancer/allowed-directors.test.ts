import test from 'ava';
import { AllowedDirectors } from '../../balancer/allowed-directors.ts';

test('a removed director stays allowed for a minute, one that returns for good', (t) => {
  const directors = new AllowedDirectors();
  directors.apply(['a', 'b', 'c'], 0);
  directors.apply(['c'], 1_000);
  t.deepEqual([...directors.hosts()].sort(), ['a', 'b', 'c']);
  directors.apply(['b', 'c'], 30_000);
  t.false(directors.expire(61_000));
  t.true(directors.expire(61_001));
  t.deepEqual([...directors.hosts()].sort(), ['b', 'c']);
  t.false(directors.expire(1e9));
});

test('a director that was removed twice in a row is counted from the first time', (t) => {
  const directors = new AllowedDirectors();
  directors.apply(['a'], 0);
  directors.apply([], 10);
  directors.apply([], 50_000);
  t.true(directors.expire(60_011));
  t.deepEqual(directors.hosts(), []);
});
