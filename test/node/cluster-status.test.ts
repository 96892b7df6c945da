import test from 'ava';
import { collectStatus } from '../../node/cluster-status.ts';
import { key, serve } from '../lib/control/helpers.ts';
import { aBalancer, aTopology } from '../topology-fixture.ts';

test('the status of another node at the control port is not the one of a node that does not run', async (t) => {
  const { server, endpoint } = await serve(t);
  server.handle('status', () => ({ node: 'b1' }));
  const { host, port: controlPort } = endpoint;
  const balancers = ['b1', 'b2'].map((name) => aBalancer({ name, host, controlPort }));
  const { nodes } = await collectStatus(aTopology({ cluster: 'chat', balancers }), key, 'd1');
  const [b1, b2] = ['b1', 'b2'].map((name) => nodes.find(({ node }) => node === name));
  t.like(b1, { status: { node: 'b1' }, problem: '' });
  t.is(b2?.status, null);
  t.regex(b2?.problem ?? '', /^b1 answers at \S+ instead of b2; start b2/);
});
