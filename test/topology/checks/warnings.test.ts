import test from 'ava';
import { parseTopology } from '../../../topology/index.ts';
import { sampleText, sampleWith } from '../sample.ts';

function warnings(text: string): readonly (readonly [number, string, string])[] {
  const result = parseTopology(text, 't.yaml');
  if (result.topology === undefined) throw new Error(JSON.stringify(result.problems));
  return result.warnings.map(({ line, path, code }) => [line, path, code]);
}

test('a sound file has no warnings', (t) => {
  t.deepEqual(warnings(sampleText), []);
});

test('a default hashKey is warned of, but not on loopback', (t) => {
  const text = sampleText.replace(/^hashKey.*\n/m, '');
  t.deepEqual(warnings(text), [[2, 'cluster', 'HEADGATE_TOPOLOGY_DEFAULT_HASH_KEY']]);
  t.deepEqual(warnings(text.replace('203.0.113.10', '127.0.0.1')), []);
});

test('a service whose nodes all drain or have weight 0 is warned of', (t) => {
  const text = sampleWith('{ host: 10.0.1.1 }', '{ host: 10.0.1.1, state: drain }');
  t.deepEqual(warnings(text), []);
  t.deepEqual(warnings(text.replace('{ host: 10.0.1.2 }', '{ host: 10.0.1.2, weight: 0 }')), [
    [6, 'services.chat', 'HEADGATE_TOPOLOGY_NOTHING_ELIGIBLE'],
  ]);
});

test('a node that no service uses is warned of', (t) => {
  const text = sampleWith('listen: 203.0.113.10:9000', 'listen: 203.0.113.10:9000\n    chatservers: [c1]');
  t.deepEqual(warnings(text), [[16, 'chatservers.c2', 'HEADGATE_TOPOLOGY_UNUSED']]);
});

test('ports for a service that a balancer does not serve are warned of', (t) => {
  const text = sampleWith(
    'directors:',
    '  push:\n    listen: 203.0.113.11:9001\n    balancers: [b2]\ndirectors:',
  );
  t.deepEqual(warnings(text.replace('{ host: 10.0.1.1 }', '{ host: 10.0.1.1, ports: { push: 80 } }')), [
    [14, 'balancers.b1.ports.push', 'HEADGATE_TOPOLOGY_UNUSED'],
  ]);
});

test('neighbours that meet only on one machine or with both families are warned of', (t) => {
  t.deepEqual(warnings(sampleWith('10.0.1.1', '127.0.0.1')), [
    [11, 'balancers.b1.host', 'HEADGATE_TOPOLOGY_UNREACHABLE'],
  ]);
  t.deepEqual(warnings(sampleWith('10.0.2.2:7000', '"[2001:db8::2]:7000"')), [
    [15, 'chatservers.c2.address', 'HEADGATE_TOPOLOGY_UNREACHABLE'],
  ]);
});
