import test from 'ava';
import fc from 'fast-check';
import { algorithms } from '../../topology/index.ts';
import { client, clientNumber, make, nobody, seededRandom, upstreamLists, upstreams } from './upstreams.ts';

for (const algorithm of algorithms) {
  test(`${algorithm}: whoever is picked is on the list and not excluded, and somebody is picked whenever somebody may be`, (t) => {
    fc.assert(
      fc.property(upstreamLists, fc.infiniteStream(fc.nat(255)), fc.nat(), (list, masks, seed) => {
        const scheduler = make(algorithm, list, undefined, seededRandom(seed));
        const loads = new Map<number, number>();
        for (let turn = 0; turn < 40; turn++) {
          const mask = masks.next().value;
          const allowed = list.filter((_, index) => (mask & (1 << index)) === 0);
          const picked = scheduler.pick(
            clientNumber(turn),
            ({ id }) => loads.get(id) ?? 0,
            (one) => !allowed.includes(one),
          );
          if (allowed.length === 0) t.is(picked, null);
          else t.true(picked !== null && allowed.includes(picked));
          if (picked !== null) loads.set(picked.id, (loads.get(picked.id) ?? 0) + 1);
        }
      }),
      { numRuns: 50 },
    );
  });

  test(`${algorithm}: an empty list picks nobody`, (t) => {
    t.is(
      make(algorithm, []).pick(client, () => 0, nobody),
      null,
    );
  });

  test(`${algorithm}: the memory of another algorithm is ignored`, (t) => {
    const other = algorithm === 'round-robin' ? 'weighted-round-robin' : 'round-robin';
    const memory = { algorithm: other, values: new Map([['a@10.0.2.1:7000', 1e9]]) } as const;
    const names = (scheduler: ReturnType<typeof make>): (string | undefined)[] =>
      [0, 1, 2, 3].map((index) => scheduler.pick(clientNumber(index), () => 0, nobody)?.name);
    t.deepEqual(names(make(algorithm, upstreams(1, 1), memory)), names(make(algorithm, upstreams(1, 1))));
  });
}
