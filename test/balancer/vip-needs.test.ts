import test from 'ava';
import { obstacleOf, partingMs, VipNeeds, wantedVips, type VipNeed } from '../../balancer/vip-needs.ts';
import { aBalancer, aService, aTopology } from '../topology-fixture.ts';

const listen = { host: '203.0.113.10', port: 9_000 };
const chat = aService({ listen });
const need = (mode: 'dr' | 'tun', service = 'chat'): VipNeed => ({ service, endpoint: listen, mode });
const nobody = (): boolean => false;

test('auto, dr and tun want the VIP on the host, the others do not', (t) => {
  const services = (['auto', 'dr', 'tun', 'nat', 'fullnat', 'proxy'] as const).map((forwarding) =>
    aService({ name: forwarding, forwarding, listen }),
  );
  const foreign = aService({ name: 'foreign', forwarding: 'dr', balancers: ['b2'] });
  t.deepEqual(
    wantedVips(aTopology({ services: [...services, foreign] }), aBalancer()).map(({ service, mode }) => [
      service,
      mode,
    ]),
    [
      ['auto', 'dr'],
      ['dr', 'dr'],
      ['tun', 'tun'],
    ],
  );
});

test('the VIP is not for a host that has a director, nor an address of a node, nor of the loopback net', (t) => {
  const topology = { ...aTopology(), directors: [{ ...aTopology().directors[0]!, host: '10.0.0.1' }] };
  const own = new Set(['10.0.1.1']);
  const at = (host: string): VipNeed => ({ ...need('dr'), endpoint: { host, port: 9_000 } });
  t.is(obstacleOf(need('dr'), topology, own), undefined);
  t.is(
    obstacleOf(need('dr'), topology, new Set(['10.0.0.1'])),
    'director d1 is on this host, and the VIP is its own',
  );
  t.regex(obstacleOf(need('dr'), aTopology(), own)!, /d1 is on this host/, 'for it is on the loopback');
  for (const host of ['10.0.0.1', topology.balancers[0]!.host, topology.chatservers[0]!.address.host])
    t.regex(obstacleOf(at(host), topology, own)!, /is the address of a node|is a loopback address/);
  t.is(obstacleOf(at('10.0.0.1'), topology, own), '10.0.0.1 is the address of a node');
  t.is(obstacleOf(at('127.0.0.9'), topology, own), '127.0.0.9 is a loopback address');
  t.is(obstacleOf(at('0.0.0.0'), topology, own), '0.0.0.0 is a wildcard address');
});

test('a VIP not wanted any more is listened at for a while, and kept as long as there are connections', (t) => {
  const needs = new VipNeeds();
  needs.apply([need('dr')], 0);
  t.true(needs.listens(chat, 1e9));
  needs.apply([], 1_000);
  t.true(needs.listens(chat, 1_000 + partingMs));
  t.false(needs.hasParted(1_000 + partingMs));
  t.false(needs.expire(nobody), 'its listeners are open');
  t.false(needs.listens(chat, 1_001 + partingMs));
  t.true(needs.hasParted(1_001 + partingMs));
  t.false(needs.hasParted(1_001 + partingMs), 'told once');
  t.false(needs.expire((vip) => vip === listen));
  t.deepEqual([...needs.vips()], [['203.0.113.10', 'dr']]);
  t.true(needs.expire(nobody));
  t.deepEqual([...needs.vips()], []);
});

test('one that is wanted again is not parting, and another port of the VIP is another need', (t) => {
  const needs = new VipNeeds();
  needs.apply([need('dr')], 0);
  needs.apply([], 0);
  needs.apply([need('dr')], 50_000);
  t.false(needs.hasParted(1e9));
  t.false(needs.listens({ name: 'chat', listen: { ...listen, port: 9_001 } }, 0));
  t.false(needs.listens({ name: 'irc', listen }, 0));
});

test('a VIP whose service got another name is wanted as before, and one that it left goes with its own connections', (t) => {
  const needs = new VipNeeds();
  const elsewhere = { host: '203.0.113.11', port: 9_000 };
  needs.apply([need('dr')], 0);
  needs.apply([need('dr', 'talk')], 0);
  t.false(needs.hasParted(1e9));
  t.true(needs.listens({ name: 'talk', listen }, 1e9));
  needs.apply([{ ...need('dr', 'talk'), endpoint: elsewhere }], 0);
  t.true(needs.hasParted(1e9));
  t.false(needs.expire((vip) => vip.host === listen.host));
  t.true(needs.expire((vip) => vip.host === elsewhere.host));
  t.deepEqual([...needs.vips()], [[elsewhere.host, 'dr']]);
});

test('from tun to dr and with two services the VIP keeps the greater mode', (t) => {
  const needs = new VipNeeds();
  needs.apply([need('tun')], 0);
  needs.apply([need('dr')], 1);
  t.deepEqual([...needs.vips()], [['203.0.113.10', 'tun']], 'tunnels of old connections still come');
  t.true(needs.hasParted(1e6));
  t.true(needs.expire(nobody));
  t.deepEqual([...needs.vips()], [['203.0.113.10', 'dr']]);
  needs.apply([need('dr'), need('tun', 'irc')], 1e6);
  t.deepEqual([...needs.vips()], [['203.0.113.10', 'tun']]);
});
