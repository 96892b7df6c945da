import test from 'ava';
import fc from 'fast-check';
import { ownerOf, slotCounts } from '../../lib/maglev/index.ts';
import type { HealthState, HeartbeatReply, ServiceReadiness } from '../../lib/heartbeat/index.ts';
import { buildForwardingTable, type Standing } from '../../director/index.ts';
import { balancer, service, table, topology, type TableState } from './fixtures.ts';

const b1 = balancer('b1', { host: '10.0.1.1' });
const b2 = balancer('b2', { host: '10.0.1.2', weight: 2, ports: { chat: 9_100 } });
const b3 = balancer('b3', { host: '10.0.1.3' });

const reply = (state: ServiceReadiness, name = 'chat'): HeartbeatReply => ({
  services: { [name]: { state, connections: 0 } },
  connections: 0,
  topology: 'hash',
});

test('eligible balancers share the slots by weight, in the order of their names', (t) => {
  const [chat] = table(topology([b3, b1, b2])).services;
  t.deepEqual(
    chat!.owners.map(({ id }) => id),
    ['b1@10.0.1.1', 'b2@10.0.1.2', 'b3@10.0.1.3'],
  );
  t.deepEqual([...slotCounts(chat!.maglev)], [16_384, 32_769, 16_384]);
});

test('a balancer takes a service on its own port for it, else on the port of the service', (t) => {
  const [chat] = table(topology([b1, b2])).services;
  t.deepEqual(
    chat!.balancers.map(({ endpoint }) => endpoint),
    [
      { host: '10.0.1.1', port: 9_000 },
      { host: '10.0.1.2', port: 9_100 },
    ],
  );
});

const standing = test.macro({
  exec(
    t,
    change: Parameters<typeof balancer>[1],
    health: NonNullable<TableState['health']>[string],
    expected: Standing,
  ) {
    const [chat] = table(topology([{ ...b1, ...change }, b2]), {
      health: { 'b1@10.0.1.1': health },
    }).services;
    t.is(chat!.balancers[0]!.standing, expected);
    t.is(chat!.owners.length, expected === 'eligible' ? 2 : 1);
    t.is(
      [...slotCounts(chat!.maglev)].reduce((sum, count) => sum + count),
      65_537,
    );
  },
  title: (title) => `${title} decides whether a balancer gets new connections`,
});

test('state: drain', standing, { state: 'drain' }, {}, 'drained');
test('weight: 0', standing, { weight: 0 }, {}, 'weight-0');
test('never having answered', standing, {}, { state: 'unknown' }, 'unknown');
test('being down', standing, {}, { state: 'down' }, 'down');
test('an answer "serving"', standing, {}, { reply: reply('serving') }, 'eligible');
test('an answer "draining"', standing, {}, { reply: reply('draining') }, 'draining');
test('an answer "full"', standing, {}, { reply: reply('full') }, 'full');
test('an answer "no-upstream"', standing, {}, { reply: reply('no-upstream') }, 'no-upstream');
test('an answer without the service', standing, {}, { reply: reply('serving', 'other') }, 'not-serving');
test('a foreign probe', standing, { probe: { kind: 'tcp' } }, { reply: null }, 'eligible');

test('readiness counts for its own service only', (t) => {
  const services = [service('chat'), service('web', { listen: { host: '10.0.0.1', port: 80 } })];
  const both: HeartbeatReply = {
    services: { chat: { state: 'full', connections: 9 }, web: { state: 'serving', connections: 0 } },
    connections: 9,
    topology: 'hash',
  };
  const [chat, web] = table(topology([b1], services), {
    health: { 'b1@10.0.1.1': { reply: both } },
  }).services;
  t.deepEqual([chat!.owners.length, web!.owners.length], [0, 1]);
});

test('without an eligible balancer no slot has an owner', (t) => {
  const [chat] = table(topology([b1]), { health: { 'b1@10.0.1.1': { state: 'down' } } }).services;
  t.is(chat!.owners.length, 0);
  t.is(ownerOf(chat!.maglev, 0), 65_535);
});

test('a service with balancers of its own uses no others', (t) => {
  const [chat] = table(topology([b1, b2, b3], [service('chat', { balancers: ['b3'] })])).services;
  t.deepEqual(
    chat!.balancers.map(({ name }) => name),
    ['b3'],
  );
});

test('what a draining balancer still has at its deadline is to be ended, whatever the monitor thinks', (t) => {
  const draining = balancer('b1', { host: '10.0.1.1', state: 'drain', drainUntilMs: 5_000 });
  const at = (wallMs: number, change = {}) =>
    buildForwardingTable({
      topology: topology([{ ...draining, ...change }, b2]),
      health: () => undefined,
      removed: [],
      suspectsItself: true,
      wallMs,
    }).dead;
  t.deepEqual(at(4_999), []);
  t.deepEqual(at(5_000), ['b1@10.0.1.1']);
  t.deepEqual(at(5_000, { state: 'active' }), [], 'undrained');
  t.deepEqual(at(5_000, { drainUntilMs: undefined }), []);
});

test('dead are balancers of the topology and removed ones, and none while the monitor suspects itself', (t) => {
  const of = topology([b1, b2]);
  const state = {
    health: {
      'b1@10.0.1.1': { state: 'down', dead: true },
      'b9@10.0.1.9': { state: 'down', dead: true },
    },
    removed: ['b9@10.0.1.9'],
  } as const;
  t.deepEqual(table(of, state).dead, ['b1@10.0.1.1', 'b9@10.0.1.9']);
  t.deepEqual(table(of, { ...state, suspectsItself: true }).dead, []);
});

test('a changed host is another balancer', (t) => {
  const before = table(topology([b1]));
  const after = table(topology([{ ...b1, host: '10.0.1.99' }]), { removed: ['b1@10.0.1.1'] }, before);
  t.deepEqual(
    [before.services[0]!.owners[0]!.id, after.services[0]!.owners[0]!.id],
    ['b1@10.0.1.1', 'b1@10.0.1.99'],
  );
  t.is(after.services[0]!.maglev, before.services[0]!.maglev, 'it keeps its slots');
  t.not(after.services[0], before.services[0]);
});

test('a table equal to the one before is the one before, and so are its unchanged parts', (t) => {
  const services = [
    service('chat'),
    service('web', { balancers: ['b3'], listen: { host: '10.0.0.1', port: 80 } }),
  ];
  const before = table(topology([b1, b2, b3], services));
  t.is(table(topology([b1, b2, b3], services), {}, before), before);
  t.not(table(topology([b1, b2, b3], services), { removed: ['b9@h'] }, before), before);

  const health = { 'b1@10.0.1.1': { state: 'down' as const } };
  const after = table(topology([b1, b2, b3], services), { health }, before);
  t.not(after.services[0]!.maglev, before.services[0]!.maglev);
  t.is(after.services[1], before.services[1]);

  const slower = services.map((one) => ({ ...one, connectTimeoutMs: 2_000 }));
  const settings = table(topology([b1, b2, b3], slower), {}, before);
  t.not(settings.services[0], before.services[0]);
  t.is(settings.services[0]!.maglev, before.services[0]!.maglev);
});

test('another hash key makes another table; two services with the same balancers share theirs', (t) => {
  const services = [service('chat'), service('web', { listen: { host: '10.0.0.1', port: 80 } })];
  const before = table(topology([b1, b2], services));
  t.is(before.services[0]!.maglev, before.services[1]!.maglev);
  const after = table(topology([b1, b2], services, { hashKey: 'ff'.repeat(16) }), {}, before);
  t.notDeepEqual(after.services[0]!.maglev.slots, before.services[0]!.maglev.slots);
});

test('whatever the health, new connections go to eligible balancers only and a reused table is the one built anew', (t) => {
  const state = fc.constantFrom<HealthState>('unknown', 'up', 'down');
  const said = fc.option(fc.constantFrom<ServiceReadiness>('serving', 'draining', 'full', 'no-upstream'));
  const step = fc.array(fc.record({ state, said }), { minLength: 4, maxLength: 4 });
  const balancers = [b1, b2, b3, balancer('b4', { state: 'drain' })];
  const ids = balancers.map(({ name, host }) => `${name}@${host}`);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 6 }), (steps) => {
      let previous = table(topology(balancers));
      for (const healths of steps) {
        const health = Object.fromEntries(
          healths.map((one, index) => [
            ids[index]!,
            { state: one.state, reply: one.said === null ? null : reply(one.said) },
          ]),
        );
        const next = table(topology(balancers), { health }, previous);
        t.deepEqual(next, table(topology(balancers), { health }));
        const expected = healths.flatMap((one, index) =>
          index < 3 && one.state === 'up' && (one.said ?? 'serving') === 'serving' ? [ids[index]!] : [],
        );
        t.deepEqual(
          next.services[0]!.owners.map(({ id }) => id),
          expected,
        );
        previous = next;
      }
    }),
    { numRuns: 25 },
  );
});
