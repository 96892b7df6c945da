import test from 'ava';
import { SharedDestinations, upstreamKeyOf } from '../../balancer/shared-destinations.ts';

const endpoint = { host: '192.0.2.1', port: 7000 };

test('connections of a service to one upstream from one address share their destination', (t) => {
  const destinations = new SharedDestinations();
  const first = destinations.of('chat', 'c1 1', endpoint, '192.0.2.9');
  t.deepEqual(first, { id: 'chat c1 1', endpoint, localAddress: '192.0.2.9' });
  t.is(upstreamKeyOf(first.id), 'c1 1');
  t.is(destinations.of('chat', 'c1 1', endpoint, '192.0.2.9'), first);
  t.deepEqual(destinations.of('chat', 'c1 1', endpoint, undefined), { id: 'chat c1 1', endpoint });
  t.is(destinations.of('tls', 'c1 1', endpoint, '192.0.2.9').id, 'tls c1 1');
  t.is(destinations.of('chat', 'c2 1', endpoint, '192.0.2.9').id, 'chat c2 1');
});

test('a new configuration begins anew', (t) => {
  const destinations = new SharedDestinations();
  destinations.of('chat', 'c1', endpoint, undefined);
  destinations.clear();
  const moved = { host: '192.0.2.2', port: 7000 };
  t.is(destinations.of('chat', 'c1', moved, undefined).endpoint, moved);
});
