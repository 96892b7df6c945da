import test from 'ava';
import { PortBudget } from '../../balancer/port-budget.ts';

test('a server has as many connections as there are sources times ports', (t) => {
  const budget = new PortBudget(() => 0);
  t.false(budget.isFull(1, 1_000_000), 'not known: no limit');
  budget.set(2, 28_232);
  t.is(budget.most, 56_464);
  t.false(budget.isFull(1, 56_463));
  t.true(budget.isFull(1, 56_464));
  budget.set(0, 28_232);
  t.is(budget.most, 28_232, 'the kernel chooses one address');
});

test('where a connect found no port the server is full until it has clearly fewer, or a second is over', (t) => {
  let now = 5_000;
  const budget = new PortBudget(() => now);
  budget.set(1, 1_000);
  budget.ranOut(7, 500);
  t.true(budget.isFull(7, 500));
  t.false(budget.isFull(8, 500), 'another server');
  t.true(budget.isFull(7, 475));
  t.false(budget.isFull(7, 474));
  budget.ranOut(7, 500);
  now += 999;
  t.true(budget.isFull(7, 500));
  now += 1;
  t.false(budget.isFull(7, 500), 'it is tried again');
});
