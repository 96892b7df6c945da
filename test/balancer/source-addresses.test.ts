import test from 'ava';
import fc from 'fast-check';
import { SourceAddresses } from '../../balancer/source-addresses.ts';

const four = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];

test('sources take turns towards each chat server by itself', (t) => {
  const sources = new SourceAddresses();
  sources.set(four);
  const taken = Array.from({ length: 6 }, () => sources.take('c1', '10.1.0.1')!);
  t.deepEqual(taken.toSorted(), [...four, ...four].toSorted());
  const other = Array.from({ length: 3 }, () => sources.take('c2', '10.1.0.2')!);
  t.deepEqual(other.toSorted(), four);
});

test('the source that was given back is the next one', (t) => {
  const sources = new SourceAddresses();
  sources.set(four);
  for (let count = 0; count < 6; count++) sources.take('c1', '10.1.0.1');
  sources.give('c1', '10.0.0.2');
  t.is(sources.take('c1', '10.1.0.1'), '10.0.0.2');
});

test('without sources, and without one of the family, the kernel chooses', (t) => {
  const sources = new SourceAddresses();
  t.is(sources.take('c1', '10.1.0.1'), undefined);
  sources.give('c1', undefined);
  sources.set(four);
  t.is(sources.take('c6', 'fd00::1'), undefined);
  sources.set([...four, 'fd00::9']);
  t.is(sources.take('c6', 'fd00::1'), 'fd00::9');
});

test('sources of one server never differ by more than one while connections only come', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.nat(2), { maxLength: 60 }), (count, servers) => {
      const sources = new SourceAddresses();
      const addresses = Array.from({ length: count }, (_, index) => `10.0.0.${index + 1}`);
      sources.set(addresses);
      const counts = new Map<string, number>();
      for (const server of servers) {
        const name = `${server} ${sources.take(`c${server}`, '10.1.0.1')}`;
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
      return [0, 1, 2].every((server) => {
        const of = addresses.map((address) => counts.get(`${server} ${address}`) ?? 0);
        return Math.max(...of) - Math.min(...of) <= 1;
      });
    }),
  );
  t.pass();
});
