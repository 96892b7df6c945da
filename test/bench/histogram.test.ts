import test from 'ava';
import { Histogram } from '../../bench/traffic/histogram.ts';

test('quantiles are within a 64th of the value, also added up over processes', (t) => {
  const [one, other] = [new Histogram(), new Histogram()];
  t.is(one.quantile(0.5), undefined);
  for (let us = 1; us <= 100_000; us++) (us % 2 === 0 ? one : other).add(us);
  const all = new Histogram().merge(one.toJSON()).merge(other.toJSON());
  t.is(all.total, 100_000);
  for (const share of [0.001, 0.5, 0.99, 0.999, 1]) {
    const exact = share * 100_000;
    const told = all.quantile(share)!;
    t.true(told >= exact && told <= exact * (1 + 1 / 64) + 1, `${share}: ${told}`);
  }
  all.clear();
  all.add(0);
  t.is(all.quantile(1), 0);
});
