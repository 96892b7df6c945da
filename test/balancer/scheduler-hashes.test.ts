import test from 'ava';
import {
  clientNumber,
  idle,
  make,
  nobody,
  upstream,
  upstreams,
  type Excluded,
  type Scheduling,
} from './upstreams.ts';

const clients = 3_000;

/** The name each of many clients is sent to. */
function homes(scheduler: Scheduling, excluded: Excluded = nobody): string[] {
  return Array.from(
    { length: clients },
    (_, index) => scheduler.pick(clientNumber(index), idle, excluded)!.name,
  );
}

for (const algorithm of ['source-hash', 'maglev'] as const) {
  test(`${algorithm}: a client address always goes to the same upstream, whatever its port`, (t) => {
    const scheduler = make(algorithm, upstreams(1, 2, 3));
    for (let index = 0; index < 50; index++) {
      const { host } = clientNumber(index);
      const names = [1024, 40_000, 65_535].map((port) => scheduler.pick({ host, port }, idle, nobody)!.name);
      t.is(new Set(names).size, 1);
    }
  });

  test(`${algorithm}: a reload without changes and another process send everybody to the same upstream`, (t) => {
    const list = upstreams(1, 2, 3);
    const first = make(algorithm, list);
    t.deepEqual(homes(make(algorithm, list, first.memory())), homes(first));
  });

  test(`${algorithm}: clients are spread by weight`, (t) => {
    const names = homes(make(algorithm, upstreams(1, 2, 3)));
    for (const [name, share] of [
      ['a', 1 / 6],
      ['b', 2 / 6],
      ['c', 3 / 6],
    ] as const) {
      const count = names.filter((one) => one === name).length;
      // Five standard deviations of a binomial count.
      const spread = 5 * Math.sqrt(clients * share * (1 - share));
      t.true(Math.abs(count - clients * share) < spread, `${name}: ${count}`);
    }
  });

  test(`${algorithm}: while an upstream is excluded only its own clients move, to all of the others`, (t) => {
    const scheduler = make(algorithm, upstreams(1, 1, 1, 1));
    const before = homes(scheduler);
    const after = homes(scheduler, ({ name }) => name === 'b');
    const refuges = new Set(after.filter((_, index) => before[index] === 'b'));
    t.deepEqual([...refuges].sort(), ['a', 'c', 'd']);
    t.deepEqual(
      after.filter((_, index) => before[index] !== 'b'),
      before.filter((name) => name !== 'b'),
    );
    t.deepEqual(homes(scheduler), before, 'they return when it does');
  });

  test(`${algorithm}: IPv6 clients are told apart`, (t) => {
    const scheduler = make(algorithm, upstreams(1, 1, 1));
    const names = Array.from(
      { length: 60 },
      (_, index) => scheduler.pick({ host: `2001:db8::${index.toString(16)}`, port: 1 }, idle, nobody)!.name,
    );
    t.is(new Set(names).size, 3);
  });
}

test('maglev: removing one of ten upstreams moves hardly anybody else', (t) => {
  const list = Array.from({ length: 10 }, (_, index) => upstream(`c${index}`, index + 1));
  const before = homes(make('maglev', list));
  const after = homes(make('maglev', list.slice(1)));
  const moved = before.filter((name, index) => name !== 'c0' && name !== after[index]).length;
  t.true(moved < clients * 0.015, `${moved} moved`);
});
