import test from 'ava';
import fc from 'fast-check';
import { diffTopology, nodeIdentity } from '../../topology/index.ts';
import { fileData, layout, sampleText, sampleWith, textOf, valid } from './sample.ts';

const before = valid(sampleText);

function diff(was: string, becomes: string) {
  return diffTopology(before, valid(sampleWith(was, becomes)));
}

test('a changed weight is a change of that node alone', (t) => {
  const { balancers, isEmpty, ...rest } = diff('{ host: 10.0.1.1 }', '{ host: 10.0.1.1, weight: 2 }');
  t.false(isEmpty);
  t.deepEqual(
    balancers.changed.map(({ after, keys }) => [after.name, keys]),
    [['b1', ['weight']]],
  );
  t.deepEqual([balancers.added, balancers.removed, rest.settings], [[], [], []]);
});

test('a changed host is a removal and an addition', (t) => {
  const { balancers } = diff('10.0.1.1', '10.0.1.9');
  t.deepEqual(
    [balancers.removed, balancers.added].map((nodes) => nodes.map((node) => nodeIdentity('balancer', node))),
    [['balancer b1 10.0.1.1'], ['balancer b1 10.0.1.9']],
  );
  t.deepEqual(balancers.changed, []);
});

test('a changed address or port of a chat server is a removal and an addition', (t) => {
  const { chatservers } = diff('10.0.2.1:7000', '10.0.2.1:7001');
  t.is(chatservers.removed.length, 1);
  t.is(chatservers.added[0]?.address.port, 7_001);
});

test('an added node changes the services that use all nodes', (t) => {
  const { chatservers, services } = diff('  c2:', '  c3: { address: 10.0.2.3:7000 }\n  c2:');
  t.deepEqual(
    chatservers.added.map(({ name }) => name),
    ['c3'],
  );
  t.deepEqual(
    services.changed.map(({ keys }) => keys),
    [['chatservers']],
  );
});

test('settings of the cluster are named', (t) => {
  t.deepEqual(diff('services:', 'grace: 1s\nheartbeat: { misses: 4 }\nservices:').settings, [
    'heartbeat',
    'graceMs',
  ]);
  t.deepEqual(diff('{ file: ./cluster.key }', '{ env: KEY }').settings, ['secret']);
  t.deepEqual(diff('203.0.113.10:9000', '203.0.113.10:9001').services.changed[0]?.keys, ['listen']);
});

test('the place of the secret is compared as it is written, wherever the files are', (t) => {
  const [here, there] = ['/etc/headgate/t.yaml', '/tmp/t.yaml'];
  const moved = (text: string) => diffTopology(valid(sampleText, here), valid(text, there)).settings;
  t.deepEqual(moved(sampleText), []);
  t.deepEqual(moved(sampleWith('./cluster.key', 'cluster.key')), []);
  t.deepEqual(moved(sampleWith('./cluster.key', './other.key')), ['secret']);
});

test('equal meaning is an empty difference, and any other is not', (t) => {
  fc.assert(
    fc.property(fileData, fileData, layout, (one, other, style) => {
      const first = valid(textOf(one));
      t.true(diffTopology(first, valid(textOf(one, style))).isEmpty);
      const second = valid(textOf(other, style));
      t.is(diffTopology(first, second).isEmpty, first.hash === second.hash);
    }),
    { numRuns: 20 },
  );
});
