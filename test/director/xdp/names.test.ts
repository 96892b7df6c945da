import test from 'ava';
import fc from 'fast-check';
import { assignNames, decodeName, encodeName, freeName, type Names } from '../../../director/xdp/names.ts';
import { parseServiceName, sameVip, serviceNameText } from '../../../director/xdp/service-names.ts';

const names = (names: Names) =>
  [...names].map(([index, { name, generation }]) => `${index} ${name} ${generation}`);

test('a name keeps its index, a free index is given to another with its generation raised', (t) => {
  const first = assignNames(new Map(), [{ name: 'b1@h' }, { name: 'b2@h' }], 2);
  t.deepEqual(names(first.names), ['0 b1@h 1', '1 b2@h 1']);
  const full = assignNames(first.names, [{ name: 'b2@h' }, { name: 'b3@h' }], 2);
  t.deepEqual([full.overflow, full.changed], [['b3@h'], []]);
  const freed = assignNames(freeName(first.names, 0), [{ name: 'b2@h' }, { name: 'b3@h' }], 2);
  t.deepEqual([names(freed.names), freed.changed], [['0 b3@h 2', '1 b2@h 1'], [0]]);
});

test('no two names ever have one index, and no index is given again with the same generation', (t) => {
  const step = fc.record({
    wanted: fc.uniqueArray(fc.constantFrom('a@1', 'b@1', 'c@1', 'd@1', 'e@1')),
    freed: fc.option(fc.nat(3), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      let book: Names = new Map();
      const lives = new Map<string, string>();
      for (const { wanted, freed } of steps) {
        if (freed !== undefined) book = freeName(book, freed);
        book = assignNames(
          book,
          wanted.map((name) => ({ name })),
          4,
        ).names;
        const used = [...book].filter(([, { name }]) => name !== '');
        if (new Set(used.map(([, { name }]) => name)).size !== used.length) return false;
        for (const [index, { name, generation }] of used) {
          const life = `${index} ${generation}`;
          if ((lives.get(life) ?? name) !== name) return false;
          lives.set(life, name);
        }
      }
      return true;
    }),
  );
  t.pass();
});

test('names come back from the map as they went, and an index that was never used has none', (t) => {
  const named = { name: 'b1@2001:db8::1', generation: 7, probe: 'tcp', probePort: 9_000 } as const;
  t.deepEqual(decodeName(encodeName(named)), named);
  t.is(decodeName(new Uint8Array(128)), undefined);
});

test('a service is known by its VIP, whatever its name', (t) => {
  const chat = { name: 'chat', listen: { host: '2001:db8::1', port: 80 } };
  t.deepEqual(parseServiceName(serviceNameText(chat)), chat);
  t.true(sameVip(serviceNameText(chat), serviceNameText({ ...chat, name: 'web' })));
  t.is(parseServiceName('nonsense'), undefined);
});
