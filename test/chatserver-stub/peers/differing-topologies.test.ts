import test from 'ava';
import { connectControl } from '../../../lib/control/index.ts';
import { until } from '../../until.ts';
import {
  chatServerEntry,
  key,
  startCluster,
  Talker,
  topologyOf,
  type RunningChatServer,
} from '../helpers.ts';

/** Both ways are open: each has told the other who is here. */
async function syncs(server: RunningChatServer, count: number): Promise<void> {
  await until(() => (server.node.status().counters['peerSyncs'] ?? 0) >= count, {
    describe: `${server.name} to tell ${count} others who is there`,
  });
}

test('one whose topology lacks the other is found by it, and both hear each other', async (t) => {
  // c2 was removed and knows so, or does not know c1 yet.
  const servers = await startCluster(t, ['127.60.2.20', '127.60.2.21'], {
    knows: (one, other) => one === 'c1' || other === 'c2',
  });
  for (const server of servers) await syncs(server, 1);
  const [ann, bob] = servers.map(({ endpoint }) => new Talker(t, endpoint));
  await ann!.login('ann');
  await bob!.login('bob');
  ann!.send({ type: 'say', text: 'hello', id: 1 });
  await bob!.hears({ type: 'message', from: 'ann', server: 'c1' });
  bob!.send({ type: 'tell', to: 'ann', text: 'psst', id: 1 });
  await ann!.hears({ type: 'told', from: 'bob', server: 'c2' });
  // It stays while it lives, through every change, and is forgotten when it is gone.
  const [c1, c2] = servers;
  await c1!.node.apply(topologyOf([chatServerEntry('c1', c1!.host, c1!.controlPort)]));
  bob!.send({ type: 'say', text: 'still here', id: 2 });
  await ann!.hears({ type: 'message', text: 'still here' });
  ann!.send({ type: 'say', text: 'so we see', id: 2 });
  await bob!.hears({ type: 'message', text: 'so we see' });
  bob!.socket.destroy();
  await c2!.node.close();
  await c2!.control.close();
  await ann!.hears({ type: 'left', name: 'bob' });
  ann!.send({ type: 'say', text: 'alone', id: 3 });
  await ann!.hears({ type: 'delivered', id: 3 });
  t.deepEqual(bob!.all({ type: 'left' }), []);
});

test('one that is added and one that was removed hear of each other from those that know both', async (t) => {
  // c2 is only in the old topology, c3 only in the new one; c1 has exchanged messages with c2 before.
  const servers = await startCluster(t, ['127.60.2.22', '127.60.2.23', '127.60.2.24'], {
    knows: (one, other) => one === 'c1' || other === 'c1' || one === other,
  });
  for (const server of servers) await syncs(server, 2);
  const [, bob, cy] = servers.map(({ endpoint }) => new Talker(t, endpoint));
  await bob!.login('bob');
  await cy!.login('cy');
  bob!.send({ type: 'say', text: 'hello', id: 1 });
  cy!.send({ type: 'say', text: 'hello', id: 1 });
  await cy!.hears({ type: 'message', from: 'bob', server: 'c2' });
  await bob!.hears({ type: 'message', from: 'cy', server: 'c3' });
  t.is(bob!.all({ type: 'message' }).length + cy!.all({ type: 'message' }).length, 2);
});

test('the same name on another host is another chat server', async (t) => {
  const [c1] = await startCluster(t, ['127.60.2.25'], {});
  // Its successor, moved to another host.
  const [successor] = await startCluster(t, ['127.60.2.26'], {});
  await c1!.node.apply(topologyOf([chatServerEntry('c1', successor!.host, successor!.controlPort)]));
  for (const server of [c1!, successor!]) await syncs(server, 1);
  const [ann, bob] = [c1!, successor!].map(({ endpoint }) => new Talker(t, endpoint));
  await ann!.login('ann');
  await bob!.login('bob');
  ann!.send({ type: 'say', text: 'hello', id: 1 });
  await bob!.hears({ type: 'message', from: 'ann' });
  bob!.send({ type: 'say', text: 'hello', id: 1 });
  await ann!.hears({ type: 'message', from: 'bob' });
  t.is(ann!.all({ type: 'message' }).length + bob!.all({ type: 'message' }).length, 2);
});

test('only so many that no topology names are taken, and those refused are counted', async (t) => {
  const [c1] = await startCluster(t, ['127.60.2.27']);
  const endpoint = { host: '127.60.2.27', port: c1!.controlPort };
  const hello = async (number: number): Promise<unknown> => {
    const node = `s${number}`;
    const connection = await connectControl({ endpoint, key, cluster: 'chat', node, timeoutMs: 10_000 });
    t.teardown(() => connection.close());
    // Nobody ever answers there.
    const at = { node, host: '127.60.2.28', port: 1 };
    return connection.request('chat-hello', { incarnation: node, at }, 10_000);
  };
  const badly = { node: 's1', host: 'localhost', port: 1 };
  const connection = await connectControl({ endpoint, key, cluster: 'chat', node: 's1', timeoutMs: 10_000 });
  t.teardown(() => connection.close());
  const refused = await t.throwsAsync(
    connection.request('chat-hello', { incarnation: 'x', at: badly }, 10_000),
  );
  t.regex(refused?.message ?? '', /bad host/);
  t.like(await hello(1), { people: false });
  const settled = await Promise.allSettled(Array.from({ length: 90 }, (_, number) => hello(number + 2)));
  const fulfilled = settled.filter(({ status }) => status === 'fulfilled').length;
  t.is(c1!.node.status().counters['peersRefused'], 90 - fulfilled);
});
