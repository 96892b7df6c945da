import test from 'ava';
import fc from 'fast-check';
import { engineLimit } from '../../../../lib/relay/index.ts';
import { planRings } from '../../../../lib/relay/uring/ring-plan.ts';

test('one ring where one is enough, with rows for the accepts beside the connections', (t) => {
  t.deepEqual(planRings(9_900, 20_000), { rings: 1, rows: 9_964, acceptRows: 64, capacity: 9_900 });
});

test('as many rings as the limit of open files demands, all alike', (t) => {
  t.deepEqual(planRings(100_000, 20_000), { rings: 11, rows: 9_097, acceptRows: 64, capacity: 100_000 });
  t.deepEqual(planRings(65_536, 1_024), { rings: 32, rows: 512, acceptRows: 64, capacity: 16_320 });
});

test('with 20,000 open files one relay on io_uring carries more than 100,000 connections, one on node 9,936', (t) => {
  t.is(engineLimit('uring', 20_000), 639_936);
  t.is(engineLimit('node', 20_000), 9_936);
  t.true(engineLimit('uring', Infinity) > 1_000_000);
});

test('no ring has more slots than files may be open, and rows for accepts always remain', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2_000_000 }),
      fc.integer({ min: 16, max: 2_000_000 }),
      (limit, files) => {
        const { rings, rows, acceptRows, capacity } = planRings(limit, files);
        return (
          2 * rows <= files &&
          (rings === 1 || 2 * rings < files / 8) &&
          acceptRows >= 1 &&
          capacity >= 1 &&
          capacity <= limit &&
          capacity + acceptRows <= rings * rows
        );
      },
    ),
  );
  t.pass();
});
