import test from 'ava';
import type { ControlPeer, Json } from '../../lib/control/index.ts';
import { isHeadgateError } from '../../lib/errors/index.ts';
import { explain } from '../../director/index.ts';
import { explainHandler } from '../../director/explain-request.ts';
import { balancer, service, table, topology } from './fixtures.ts';
import { vectors } from '../lib/maglev/vectors.ts';

const of = topology(
  [
    balancer('b1', { host: '10.0.1.1' }),
    balancer('b2', { host: '10.0.1.2', weight: 3 }),
    balancer('b3', { host: '10.0.1.3', state: 'drain' }),
    balancer('b4', { host: '10.0.1.4' }),
  ],
  [service('chat'), service('web', { listen: { host: '2001:db8::1', port: 80 }, balancers: ['b4'] })],
);
const running = table(of, {
  health: { 'b4@10.0.1.4': { state: 'down' } },
  removed: ['b9@10.0.1.9'],
});
const { client, hash, slot65537 } = vectors.flows[1]!;

test('an explanation names hash, slot, balancer, who shares the slots and why others do not', (t) => {
  const [chat] = explain(running, client, 'chat');
  t.like(chat, { service: 'chat', client: '192.0.2.1:40000', hash, slot: slot65537, slots: 65_537 });
  const owner = running.services[0]!.owners[running.services[0]!.maglev.slots[slot65537]!]!;
  t.is(chat!.balancer, owner.name);
  t.is(chat!.endpoint, `${owner.endpoint.host}:9000`);
  t.deepEqual(chat!.eligible, [
    { balancer: 'b1', weight: 1, slots: 16_384 },
    { balancer: 'b2', weight: 3, slots: 49_153 },
  ]);
  t.deepEqual(
    chat!.others.map((other) => [other.balancer, other.standing]),
    [
      ['b3', 'drained'],
      ['b4', 'down'],
      ['b9@10.0.1.9', 'removed'],
    ],
  );
});

test('without a service every service is explained; one without an eligible balancer names none', (t) => {
  const [, web] = explain(running, client);
  t.like(web, { service: 'web', listen: '[2001:db8::1]:80', balancer: null, endpoint: null, eligible: [] });
});

const peer = {} as ControlPeer;
const found = { balancer: 'b3@10.0.1.3', mode: 'dr', state: 'closing', confirmed: true } as const;
const handler = explainHandler(
  () => running,
  (service, { host, port }) =>
    service === 'chat' && host === '192.0.2.1' && port === 40_000 ? found : undefined,
);

test('a request is answered with the explanations and where the client is now', async (t) => {
  const answer = (await handler({ client: '192.0.2.1:40000' }, peer)) as { explanations: Json[] };
  t.is(answer.explanations.length, 2);
  t.like(answer.explanations[0], {
    service: 'chat',
    established: 'b3@10.0.1.3',
    flow: { mode: 'dr', state: 'closing', confirmed: true },
  });
  t.like(answer.explanations[1], { service: 'web', established: null, flow: null });
});

test('requests that name no client or no known service are refused with a code', (t) => {
  const code = (body: Json): string => {
    const error = t.throws(() => handler(body, peer));
    return isHeadgateError(error) ? error.code : 'none';
  };
  for (const body of [null, [], 'x', {}, { client: 5 }, { client: 'ann' }, { client: '1.2.3.4:0' }]) {
    t.is(code(body), 'HEADGATE_DIRECTOR_EXPLAIN_REQUEST');
  }
  t.is(code({ client: '1.2.3.4:5', service: 7 }), 'HEADGATE_DIRECTOR_EXPLAIN_REQUEST');
  t.is(code({ client: '1.2.3.4:5', service: 'irc' }), 'HEADGATE_DIRECTOR_NO_SERVICE');
});
