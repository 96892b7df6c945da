import { once } from 'node:events';
import { createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { checkTopology } from '../../balancer/check-topology.ts';
import type { VipNeed } from '../../balancer/vip-needs.ts';
import { HeadgateError, isHeadgateError } from '../../lib/errors/index.ts';
import type { Balancer, Service, Topology } from '../../topology/index.ts';
import { takeLoopbackBlock } from '../loopback-block.ts';
import { aBalancer, aService, aTopology } from '../topology-fixture.ts';

/** A block in whose balancer's address somebody else listens at port 9001. */
async function setup(t: ExecutionContext) {
  const block = await takeLoopbackBlock(t);
  const taker = createServer().listen(9_001, block.address(21));
  await once(taker, 'listening');
  t.teardown(() => taker.close());
  const listen = { host: block.address(1), port: 9_000 };
  const of = (service: Partial<Service> = {}, balancer: Partial<Balancer> = {}): Topology =>
    aTopology({
      services: [aService({ listen, forwarding: 'proxy', ...service })],
      balancers: [aBalancer({ host: block.address(21), ...balancer })],
    });
  const asked: VipNeed[][] = [];
  const check = async (before: Topology, after: Topology, failure?: Error): Promise<void> =>
    checkTopology(
      {
        running: before,
        me: before.balancers[0]!,
        checkHost: (needs) => {
          asked.push([...needs]);
          if (failure !== undefined) throw failure;
        },
      },
      after,
    );
  return { block, listen, of, asked, check };
}

test('a port that somebody else has is refused, whichever way the balancer comes by it', async (t) => {
  const { block, of, check } = await setup(t);
  const taken = [of({}, { ports: { chat: 9_001 } }), of({ listen: { host: block.address(1), port: 9_001 } })];
  for (const after of taken) {
    const error = await t.throwsAsync(check(of(), after));
    t.true(isHeadgateError(error, 'HEADGATE_RELAY_PORT_TAKEN'));
    t.regex(error?.message ?? '', /^service chat: cannot listen on .*:9001/);
  }
  await t.notThrowsAsync(check(of(), of({}, { ports: { chat: 9_002 } })));
  await t.notThrowsAsync(check(taken[0]!, of({}, { ports: { chat: 9_001 }, weight: 9 })), 'it is its own');
  await t.notThrowsAsync(check(of(), { ...taken[0]!, balancers: [] }), 'who is removed listens nowhere');
});

test('sources that are not of this machine are refused', async (t) => {
  const { of, check } = await setup(t);
  const error = await t.throwsAsync(check(of(), of({}, { sources: ['203.0.113.9'] })));
  t.true(isHeadgateError(error, 'HEADGATE_BALANCER_SOURCE_NOT_LOCAL'));
});

test('the host is asked for VIPs that are demanded anew, and its refusal is passed on', async (t) => {
  const { listen, of, asked, check } = await setup(t);
  const failure = new HeadgateError('HEADGATE_HOST_ADDRESS', 'add the VIP to lo');
  const error = await t.throwsAsync(check(of(), of({ forwarding: 'dr' }), failure));
  t.is(error, failure);
  t.deepEqual(asked, [[{ service: 'chat', endpoint: listen, mode: 'dr' }]]);
  // What was there before, or is no demand, stands in nobody's way.
  await t.notThrowsAsync(check(of({ forwarding: 'dr' }), of({ forwarding: 'dr' }, { weight: 2 }), failure));
  await t.notThrowsAsync(check(of(), of({ forwarding: 'auto' }), failure));
  t.is(asked.length, 1);
});
