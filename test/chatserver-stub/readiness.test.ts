import test from 'ava';
import { heartbeatReply, servicesOf } from '../../chatserver-stub/readiness.ts';
import { chatServerEntry, topologyOf } from './helpers.ts';

const c1 = chatServerEntry('c1', '127.60.4.1', 1);
const state = { node: 'c1', connections: 7, isFull: false, draining: false };
const topology = topologyOf([c1]);

test('a chat server answers for each service that uses it', (t) => {
  const [chat] = topology.services;
  const other = { ...chat!, name: 'other', chatservers: ['c2'] };
  const both = { ...chat!, name: 'both', chatservers: ['c2', 'c1'] };
  t.deepEqual(servicesOf({ ...topology, services: [chat!, other, both] }, 'c1'), ['chat', 'both']);
});

test('it serves, drains or is full, as it is and as the topology says', (t) => {
  const answer = (changes: Partial<typeof state>, among = topology): unknown =>
    heartbeatReply(among, ['chat'], { ...state, ...changes });
  const said = (serving: string): unknown => ({
    services: { chat: { state: serving, connections: 7 } },
    connections: 7,
    topology: topology.hash,
  });
  t.deepEqual(answer({}), said('serving'));
  t.deepEqual(answer({ isFull: true }), said('full'));
  t.deepEqual(answer({ draining: true, isFull: true }), said('draining'));
  t.deepEqual(answer({}, topologyOf([{ ...c1, state: 'drain' }])), said('draining'));
  t.deepEqual(answer({}, topologyOf([])), said('draining'));
});
