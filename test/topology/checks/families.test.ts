import test from 'ava';
import { parseTopology } from '../../../topology/index.ts';
import { sampleWith } from '../sample.ts';

test('a balancer whose address is of another family than a director’s is an error', (t) => {
  const result = parseTopology(sampleWith('10.0.1.1', '"2001:db8::1"'), 't.yaml');
  t.deepEqual(
    (result.topology === undefined ? result.problems : []).map(({ path, message }) => [path, message]),
    [['balancers.b1.host', 'expected an IPv4 address, as director d1 has, got 2001:db8::1']],
  );
});

test('a foreign balancer may have an address of another family', (t) => {
  const text = sampleWith('{ host: 10.0.1.1 }', '{ host: "2001:db8::1", heartbeat: { probe: tcp } }');
  t.not(parseTopology(text, 't.yaml').topology, undefined);
});
