import test from 'ava';
import { heartbeatTargets } from '../../balancer/upstream-targets.ts';
import { PickTable } from '../../balancer/pick-table.ts';
import { UpstreamPool } from '../../balancer/upstream-pool.ts';
import { servicesOf, workerServices } from '../../balancer/worker-services.ts';
import { aBalancer, aChatServer, aService, aTopology } from '../topology-fixture.ts';

test('a balancer serves the services that name it', (t) => {
  const topology = aTopology({ services: [aService(), aService({ name: 'irc', balancers: ['b2'] })] });
  t.deepEqual(
    servicesOf(topology, 'b1').map(({ name }) => name),
    ['chat'],
  );
});

const directors = ['127.50.0.2'];
const needs = { directorHosts: directors, atVip: new Set<string>() };

test('it listens at its own address, on the port of the service or one of its own, for directors with PROXY v2', (t) => {
  const me = aBalancer({ ports: { irc: 9_101 } });
  const irc = aService({ name: 'irc', proxyProtocol: { accept: 'any', send: 'v1' } });
  const [chat, second] = workerServices(aTopology({ services: [aService(), irc] }), me, needs);
  t.like(chat, {
    name: 'chat',
    place: 'own',
    endpoint: { host: '127.50.1.1', port: 9_000 },
    vip: '127.50.0.1:9000',
    forwarders: { peers: directors, acceptProxy: ['v2'] },
    allowFrom: directors,
    sendProxy: 'off',
    backlog: 4_096,
    settings: { connectTimeoutMs: 3_000, keepaliveMs: 300_000, userTimeoutMs: 300_000, bufferBytes: 262_144 },
  });
  t.like(second, {
    endpoint: { host: '127.50.1.1', port: 9_101 },
    forwarders: { peers: directors, acceptProxy: ['v2', 'any'] },
    sendProxy: 'v1',
  });
});

test('with nat everybody may connect, and only directors must send their header', (t) => {
  const service = aService({ forwarding: 'nat', proxyProtocol: { accept: 'v1', send: 'off' } });
  t.like(workerServices(aTopology({ services: [service] }), aBalancer(), needs)[0], {
    acceptProxy: ['v1'],
    forwarders: { peers: directors, acceptProxy: ['v2', 'v1'] },
    allowFrom: null,
  });
});

test('with fullnat directors come without a header of their own, and nobody else may', (t) => {
  const service = aService({ forwarding: 'fullnat', proxyProtocol: { accept: 'v1', send: 'off' } });
  t.like(workerServices(aTopology({ services: [service] }), aBalancer(), needs)[0], {
    forwarders: { peers: directors, acceptProxy: ['v1'] },
    allowFrom: directors,
  });
});

test('at the VIP everybody may connect as they are, and the header of what stands before headgate still counts', (t) => {
  const services = [aService({ forwarding: 'dr', proxyProtocol: { accept: 'v2', send: 'off' } })];
  const both = workerServices(aTopology({ services }), aBalancer(), { ...needs, atVip: new Set(['chat']) });
  t.deepEqual(
    both.map(({ place, endpoint }) => [place, endpoint.host]),
    [
      ['own', '127.50.1.1'],
      ['vip', '127.50.0.1'],
    ],
  );
  t.like(both[1], {
    vip: '127.50.0.1:9000',
    acceptProxy: ['v2'],
    forwarders: { peers: [] },
    allowFrom: null,
  });
});

test('chat servers are asked the way the topology says', (t) => {
  const pool = new UpstreamPool({
    table: new PickTable(new ArrayBuffer(PickTable.bytes(1)), 1),
    random: Math.random,
    now: () => 0,
  });
  const chatservers = [
    aChatServer(1, { probe: { kind: 'headgate' } }),
    aChatServer(2, { probe: { kind: 'tcp', port: 80, send: 'PING\r\n', expect: 'PONG' } }),
    aChatServer(3, { probe: { kind: 'off' } }),
    aChatServer(4),
  ];
  pool.apply(aTopology({ services: [aService({ chatservers: ['c1', 'c2', 'c3', 'c4'] })], chatservers }));
  t.deepEqual(heartbeatTargets(pool.upstreams()), [
    {
      id: 'c1@127.50.2.1:7000',
      probe: { kind: 'headgate', node: 'c1', endpoint: { host: '127.50.2.1', port: 7400 } },
    },
    {
      id: 'c2@127.50.2.2:7000',
      probe: { kind: 'tcp', endpoint: { host: '127.50.2.2', port: 80 }, send: 'PING\r\n', expect: 'PONG' },
    },
    { id: 'c3@127.50.2.3:7000', probe: { kind: 'off' } },
    { id: 'c4@127.50.2.4:7000', probe: { kind: 'tcp', endpoint: { host: '127.50.2.4', port: 7000 } } },
  ]);
});
