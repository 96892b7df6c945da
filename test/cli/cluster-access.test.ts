import test from 'ava';
import { connectNode } from '../../cli/cluster-access.ts';
import { key, serve } from '../lib/control/helpers.ts';
import { aTopology } from '../topology-fixture.ts';

test('a command that asks a node by name takes no answer of another', async (t) => {
  const { endpoint: control } = await serve(t, { node: 'd2' });
  const access = { topology: aTopology({ cluster: 'chat' }), key };
  const address = { tier: 'director', control, speaksControl: true } as const;
  await t.throwsAsync(connectNode(access, { ...address, node: 'd1' }), {
    code: 'HEADGATE_CONTROL_NODE_MISMATCH',
  });
  const connection = await connectNode(access, { ...address, node: 'd2' });
  t.is(await connection.request('ping', null, 10_000), null);
  connection.close();
});
