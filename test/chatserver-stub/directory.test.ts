import test from 'ava';
import fc from 'fast-check';
import { beats, type Claim } from '../../chatserver-stub/claim.ts';
import { Directory } from '../../chatserver-stub/directory.ts';

const claim: fc.Arbitrary<Claim> = fc
  .record({
    name: fc.constantFrom('ann', 'bob'),
    origin: fc.constantFrom('o1', 'o2', 'o3'),
    session: fc.constantFrom('s1', 's2'),
    sinceMs: fc.nat(3),
    renewedMs: fc.nat(3),
  })
  .map((fields) => ({ ...fields, server: fields.origin.replace('o', 'c') }));

test('which claim wins does not depend on who asks, and is never a circle', (t) => {
  fc.assert(
    fc.property(fc.array(claim, { minLength: 3, maxLength: 3 }), ([one, two, three]) => {
      if (one === undefined || two === undefined || three === undefined) return;
      t.false(beats(one, two) && beats(two, one));
      if (beats(one, two) && beats(two, three)) t.true(beats(one, three));
      const { name, ...facts } = one;
      const { name: otherName, ...otherFacts } = two;
      if (JSON.stringify(facts) !== JSON.stringify(otherFacts)) t.true(beats(one, two) || beats(two, one));
      t.is(typeof name, typeof otherName);
    }),
  );
});

test('chat servers that heard the same claims, in whatever order, agree on every name', (t) => {
  const origins = ['o1', 'o2', 'o3'];
  const changes = fc.array(
    fc.oneof(claim, fc.record({ drop: fc.constantFrom('ann', 'bob'), origin: fc.constantFrom(...origins) })),
    {
      maxLength: 30,
    },
  );
  fc.assert(
    fc.property(changes, fc.infiniteStream(fc.nat(2)), (events, choices) => {
      const inOrder = new Directory();
      for (const event of events) apply(inOrder, event);
      // The events of one origin stay in order, those of different origins come as they like.
      const queues = origins.map((origin) => events.filter((event) => event.origin === origin));
      const mixed = new Directory();
      while (queues.some((queue) => queue.length > 0)) {
        const event = queues[choices.next().value ?? 0]?.shift();
        if (event !== undefined) apply(mixed, event);
      }
      for (const name of ['ann', 'bob']) t.deepEqual(mixed.owner(name), inOrder.owner(name));
      t.is(mixed.size, inOrder.size);
    }),
  );
});

test('joins and leaves as told add up to who is there', (t) => {
  fc.assert(
    fc.property(fc.array(claim), fc.array(claim), (first, second) => {
      const directory = new Directory();
      const seen = new Map<string, Claim>();
      const note = ({ left, joined }: { left?: Claim; joined?: Claim }): void => {
        if (left !== undefined) {
          t.deepEqual(seen.get(left.name), left);
          seen.delete(left.name);
        }
        if (joined !== undefined) seen.set(joined.name, joined);
      };
      for (const one of first) note(directory.put(one));
      const all = new Map(second.filter(({ origin }) => origin === 'o1').map((one) => [one.name, one]));
      for (const change of directory.replaceOrigin('o1', all)) note(change);
      for (const name of ['ann', 'bob']) t.deepEqual(directory.owner(name), seen.get(name));
      t.is(directory.size, seen.size);
      for (const { name, origin } of first) note(directory.drop(name, origin));
      for (const change of directory.replaceOrigin('o1', new Map())) note(change);
      t.is(directory.size, 0);
      t.is(seen.size, 0);
    }),
  );
});

function apply(
  directory: Directory,
  event: Claim | { readonly drop: string; readonly origin: string },
): void {
  if ('drop' in event) directory.drop(event.drop, event.origin);
  else directory.put(event);
}
