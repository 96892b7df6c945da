import test from 'ava';
import { SharedEndpoints } from '../../../lib/relay/shared-endpoints.ts';

test('equal endpoints become one object, different ones stay apart', (t) => {
  const shared = new SharedEndpoints();
  const vip = shared.shared({ host: '192.0.2.1', port: 80 });
  t.is(shared.shared({ host: '192.0.2.1', port: 80 }), vip);
  t.deepEqual(shared.shared({ host: '192.0.2.1', port: 81 }), { host: '192.0.2.1', port: 81 });
  t.deepEqual(shared.shared({ host: '192.0.2.2', port: 80 }), { host: '192.0.2.2', port: 80 });
  t.deepEqual(shared.withSharedHost({ host: '192.0.2.3', port: 5 }), { host: '192.0.2.3', port: 5 });
});

test('however many there are, each keeps its own value', (t) => {
  const shared = new SharedEndpoints();
  for (let port = 1; port < 3_000; port++) {
    t.deepEqual(shared.shared({ host: '192.0.2.1', port }), { host: '192.0.2.1', port });
    t.deepEqual(shared.withSharedHost({ host: `h${port}`, port }), { host: `h${port}`, port });
  }
  // What came when no more was shared is not.
  t.not(shared.shared({ host: '192.0.2.1', port: 2_999 }), shared.shared({ host: '192.0.2.1', port: 2_999 }));
});
