import test from 'ava';
import fc from 'fast-check';
import { canonicalJson } from '../../topology/hash.ts';
import { defaultHashKey, showTopology } from '../../topology/index.ts';
import { fileData, layout, sampleText, sampleWith, textOf, valid, type FileData } from './sample.ts';

test('canonical JSON sorts keys and leaves out what is undefined', (t) => {
  t.is(
    canonicalJson({ b: [1, { d: null, c: 'x' }], a: true, e: undefined }),
    '{"a":true,"b":[1,{"c":"x","d":null}]}',
  );
});

test('the hash of the sample is the one every host computes', (t) => {
  t.is(valid(sampleText).hash, 'e93b2e3a75ef7e37');
  t.is(defaultHashKey('chat'), '7c812e2ee19ca7f9541ffad20b325016');
});

function shuffled(data: FileData, order: readonly number[]): object {
  const mix = (value: unknown): unknown => {
    if (Array.isArray(value)) return (value as unknown[]).toReversed();
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, inner]) => [key, mix(inner)] as const);
    return Object.fromEntries(
      entries
        .map((entry, index) => [order[index % order.length] ?? 0, entry] as const)
        .toSorted(([one], [other]) => one - other)
        .map(([, entry]) => entry),
    );
  };
  return mix(data) as object;
}

test('order, layout, comments and written-out defaults do not change the hash', (t) => {
  fc.assert(
    fc.property(
      fileData,
      layout,
      layout,
      fc.array(fc.nat(9), { minLength: 3 }),
      (data, one, other, order) => {
        const plain = valid(textOf(data, one));
        const text = textOf(shuffled(data, order), other);
        const commented = text.replace(/(?<=[\w}\]"'])\n/g, ' # a comment\n\n# another: { one }\n');
        t.is(valid(commented).hash, plain.hash);
        t.is(valid(showTopology(plain)).hash, plain.hash);
      },
    ),
    { numRuns: 30 },
  );
});

test('every change of meaning changes the hash', (t) => {
  const changes: readonly (readonly [string, string])[] = [
    ['cluster: chat', 'cluster: chat2'],
    ['ddeeff', 'ddeef0'],
    ['203.0.113.10:9000', '203.0.113.10:9001'],
    ['10.0.0.1', '10.0.0.2'],
    ['{ host: 10.0.1.1 }', '{ host: 10.0.1.1, weight: 2 }'],
    ['{ host: 10.0.1.1 }', '{ host: 10.0.1.1, state: drain }'],
    ['{ host: 10.0.1.1 }', '{ host: 10.0.1.1, workers: 2 }'],
    ['{ host: 10.0.1.1 }', '{ host: 10.0.1.1, engine: node }'],
    ['{ host: 10.0.1.1 }', '{ host: 10.0.1.1, sources: [10.0.1.8] }'],
    ['services:', 'grace: 31s\nservices:'],
    ['services:', 'heartbeat: { rises: 3 }\nservices:'],
    ['listen: 203.0.113.10:9000', 'listen: 203.0.113.10:9000\n    chatservers: [c1]'],
    ['c2:', 'c3:'],
  ];
  const hashes = changes.map(([was, becomes]) => valid(sampleWith(was, becomes)).hash);
  t.is(new Set([...hashes, valid(sampleText).hash]).size, changes.length + 1);
});

test('the hash does not depend on where a host keeps the file and the secret', (t) => {
  const here = valid(sampleText, '/etc/headgate/topology.yaml').hash;
  t.is(valid(sampleText, 'elsewhere.yaml').hash, here);
  t.is(valid(sampleWith('{ file: ./cluster.key }', '{ env: KEY }')).hash, here);
});
