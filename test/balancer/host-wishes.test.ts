import test from 'ava';
import { hostOwner, hostWishes } from '../../balancer/index.ts';
import type { Service } from '../../topology/index.ts';
import { aBalancer, aService, aTopology } from '../topology-fixture.ts';

function service(name: string, host: string, forwarding: Service['forwarding'], balancers = ['b1']): Service {
  return aService({
    name,
    listen: { host, port: 9000 },
    balancers,
    forwarding,
  });
}

const topology = aTopology({
  balancers: [aBalancer({ host: '10.0.1.1' }), aBalancer({ name: 'b2', host: '10.0.1.2' })],
  directors: [
    { name: 'd1', host: '10.0.0.1', controlPort: 7400, interface: undefined },
    { name: 'd2', host: '10.0.0.2', controlPort: 7400, interface: undefined },
  ],
  services: [
    service('direct', '203.0.113.10', 'dr'),
    service('wrapped', '203.0.113.11', 'tun'),
    service('either', '203.0.113.12', 'auto'),
    service('proxied', '203.0.113.13', 'proxy'),
    service('translated', '203.0.113.14', 'nat'),
    service('others', '203.0.113.15', 'dr', ['b2']),
    service('local', '127.0.0.1', 'auto'),
    service('everywhere', '0.0.0.0', 'auto'),
  ],
});

test('a balancer’s host is prepared for the VIPs of its services whose packets come past the director’s stack', (t) => {
  t.deepEqual(hostWishes(topology, 'b1', new Set()), {
    host: '10.0.1.1',
    directors: ['10.0.0.1', '10.0.0.2'],
    vips: [
      { address: '203.0.113.10', mode: 'dr' },
      { address: '203.0.113.11', mode: 'tun' },
      { address: '203.0.113.12', mode: 'dr' },
    ],
  });
  t.deepEqual(hostWishes(topology, 'b2', new Set())?.vips, [{ address: '203.0.113.15', mode: 'dr' }]);
});

test('a VIP that comes both plain and wrapped is wanted once, wrapped', (t) => {
  const vip = '203.0.113.10';
  for (const modes of [['dr', 'tun'] as const, ['tun', 'dr'] as const]) {
    const services = modes.map((mode, index) => service(`s${index}`, vip, mode));
    t.deepEqual(hostWishes(aTopology({ services, directors: topology.directors }), 'b1', new Set())?.vips, [
      { address: vip, mode: 'tun' },
    ]);
  }
});

test('a balancer that is not in the topology wants nothing; owners are told apart by cluster, node and who prepares', (t) => {
  t.is(hostWishes(topology, 'b9', new Set()), undefined);
  t.is(hostOwner('balancer', topology, 'b1'), 'balancer test/b1');
  t.is(hostOwner('prepare-host', topology, 'b1'), 'prepare-host test/b1');
});
