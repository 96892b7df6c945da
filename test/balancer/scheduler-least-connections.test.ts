import test from 'ava';
import fc from 'fast-check';
import { client, make, nobody, sequence, tally, upstreamLists, upstreams } from './upstreams.ts';

test('the upstream with the fewest connections is picked', (t) => {
  const loads = [5, 3, 4];
  const scheduler = make('least-connections', upstreams(1, 1, 1));
  t.is(scheduler.pick(client, ({ id }) => loads[id - 1]!, nobody)?.name, 'b');
});

test('connections count per weight', (t) => {
  const loads = [5, 9];
  const scheduler = make('least-connections', upstreams(1, 2));
  t.is(scheduler.pick(client, ({ id }) => loads[id - 1]!, nobody)?.name, 'b');
});

test('nobody who may be picked has fewer connections per weight than the one picked', (t) => {
  const loadList = fc.array(fc.nat(40), { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(upstreamLists, fc.array(loadList, { maxLength: 10 }), fc.nat(255), (list, rounds, mask) => {
      const scheduler = make('least-connections', list);
      const excluded = ({ id }: { id: number }): boolean => (mask & (1 << (id - 1))) !== 0;
      for (const loads of rounds) {
        const picked = scheduler.pick(client, ({ id }) => loads[id - 1]!, excluded);
        if (picked === null) continue;
        const mine = loads[picked.id - 1]! * 1e6;
        for (const other of list) {
          if (!excluded(other)) t.true(mine * other.weight <= loads[other.id - 1]! * 1e6 * picked.weight);
        }
      }
    }),
  );
});

test('connections that stay are spread exactly by weight', (t) => {
  fc.assert(
    fc.property(upstreamLists, fc.integer({ min: 1, max: 3 }), (list, cycles) => {
      const total = list.reduce((sum, { weight }) => sum + weight, 0);
      const scheduler = make('least-connections', list);
      const loads = new Map<number, number>();
      for (let turn = 0; turn < total * cycles; turn++) {
        const { id } = scheduler.pick(client, (one) => loads.get(one.id) ?? 0, nobody)!;
        loads.set(id, (loads.get(id) ?? 0) + 1);
      }
      for (const { id, weight } of list) t.is(loads.get(id), weight * cycles);
    }),
  );
});

test('connections that end at once are spread by weight too, also over a reload', (t) => {
  const list = upstreams(1, 3);
  const first = make('least-connections', list);
  const names = sequence(first, 6) + sequence(make('least-connections', list, first.memory()), 6);
  t.deepEqual(tally(names), { a: 3, b: 9 });
});
