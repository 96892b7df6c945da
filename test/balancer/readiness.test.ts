import test from 'ava';
import { readinessOf } from '../../balancer/readiness.ts';
import { isFull } from '../../balancer/fullness.ts';

const well = { draining: false, listening: true, full: false, canTake: true };

test('a service is serving when nothing stands against it, and tells the gravest reason when something does', (t) => {
  t.is(readinessOf(well), 'serving');
  t.is(readinessOf({ ...well, full: true }), 'full');
  t.is(readinessOf({ ...well, full: true, canTake: false }), 'no-upstream');
  t.is(readinessOf({ ...well, full: true, listening: false }), 'no-upstream');
  t.is(readinessOf({ ...well, listening: false, draining: true }), 'draining');
});

test('a worker is full at its limit and has room again 5 % below', (t) => {
  t.false(isFull(false, 99, 100));
  t.true(isFull(false, 100, 100));
  t.true(isFull(true, 96, 100));
  t.false(isFull(true, 95, 100));
  t.false(isFull(false, 96, 100));
});

test('even a limit of one is left again', (t) => {
  t.true(isFull(false, 1, 1));
  t.false(isFull(true, 0, 1));
});
