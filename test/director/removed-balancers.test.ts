import test from 'ava';
import { afterTopologyChange, withConnections } from '../../director/removed-balancers.ts';
import { heartbeatTarget } from '../../director/balancer-identity.ts';
import { balancer, service, topology } from './fixtures.ts';

const b1 = balancer('b1', { host: '10.0.1.1' });
const b2 = balancer('b2', { host: '10.0.1.2' });
const ids = (removed: readonly { id: string }[]): string[] => removed.map(({ id }) => id);

test('a balancer that left the topology or changed its host is removed, with the target it had', (t) => {
  const gone = afterTopologyChange([], topology([b1, b2]), topology([{ ...b1, host: '10.0.1.99' }]));
  t.deepEqual(ids(gone), ['b1@10.0.1.1', 'b2@10.0.1.2']);
  t.deepEqual(gone[1]!.target, heartbeatTarget(b2, topology([b1, b2])));
});

test('a balancer that comes back is no longer removed; others stay removed', (t) => {
  const gone = afterTopologyChange([], topology([b1, b2]), topology([]));
  t.deepEqual(ids(afterTopologyChange(gone, topology([]), topology([b2]))), ['b1@10.0.1.1']);
});

test('a removed balancer is forgotten when it has no connection left', (t) => {
  const gone = afterTopologyChange([], topology([b1, b2]), topology([]));
  const left = (balancers: Record<string, number>) => withConnections(gone, { balancers }, () => 0);
  t.is(left({ 'b1@10.0.1.1': 1, 'b2@10.0.1.2': 5 }), gone);
  t.deepEqual(ids(left({ 'b2@10.0.1.2': 5 })), ['b2@10.0.1.2']);
});

test('… and not before connections were counted that it got until the tables were without it', (t) => {
  const gone = afterTopologyChange([], topology([b1]), topology([]));
  const left = (countedMs: number, leftMs: number | undefined) =>
    ids(withConnections(gone, { balancers: {}, countedMs }, () => leftMs));
  t.deepEqual(left(1_000, undefined), ['b1@10.0.1.1'], 'still in the tables');
  t.deepEqual(left(1_000, 1_000), ['b1@10.0.1.1']);
  t.deepEqual(left(1_001, 1_000), []);
});

test('each kind of probe becomes the target that asks so', (t) => {
  const of = topology([b1], [service('chat', { listen: { host: '10.0.0.1', port: 9_000 } })]);
  const probe = (change: Parameters<typeof balancer>[1]): unknown =>
    heartbeatTarget({ ...b1, ...change }, of).probe;
  t.deepEqual(probe({ controlPort: 7_500 }), {
    kind: 'headgate',
    node: 'b1',
    endpoint: { host: '10.0.1.1', port: 7_500 },
  });
  t.deepEqual(probe({ probe: { kind: 'tcp', send: 'hi' }, ports: { chat: 9_100 } }), {
    kind: 'tcp',
    send: 'hi',
    endpoint: { host: '10.0.1.1', port: 9_100 },
  });
  t.deepEqual(probe({ probe: { kind: 'tcp', port: 22 } }), {
    kind: 'tcp',
    endpoint: { host: '10.0.1.1', port: 22 },
  });
  t.deepEqual(probe({ probe: { kind: 'off' } }), { kind: 'off' });
});
