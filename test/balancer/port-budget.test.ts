import test from 'ava';
import { PortBudget } from '../../balancer/port-budget.ts';

test('a server has as many connections as there are sources times ports, or as it wants itself', (t) => {
  const budget = new PortBudget(() => 0);
  t.is(budget.limit(1, undefined, 0), 0, 'not known: no limit');
  t.is(budget.limit(1, 500, 0), 500);
  t.false(budget.isShort(1, 1_000_000));
  budget.set(2, 28_232);
  t.is(budget.most, 56_464);
  t.is(budget.limit(1, undefined, 0), 56_464);
  t.is(budget.limit(1, 500, 0), 500);
  t.false(budget.isShort(1, 56_463));
  t.true(budget.isShort(1, 56_464));
  budget.set(0, 28_232);
  t.is(budget.most, 28_232, 'the kernel chooses one address');
});

test('where a connect found no port the server is full until it has clearly fewer, or a second is over', (t) => {
  let now = 5_000;
  const budget = new PortBudget(() => now);
  budget.set(1, 1_000);
  budget.ranOut(7, 500);
  t.is(budget.limit(7, undefined, 500), 500);
  t.is(budget.limit(8, undefined, 500), 1_000, 'another server');
  t.is(budget.limit(7, undefined, 475), 500);
  t.is(budget.limit(7, undefined, 474), 1_000);
  budget.ranOut(7, 0);
  t.is(budget.limit(7, undefined, 0), 1, 'the least there is');
  budget.ranOut(7, 500);
  now += 999;
  t.true(budget.isShort(7, 500));
  now += 1;
  t.false(budget.isShort(7, 500), 'it is tried again');
});
