import test from 'ava';
import fc from 'fast-check';
import { checkWorkerMessage } from '../../balancer/check-worker-message.ts';
import { batchEntries } from '../../balancer/worker-protocol.ts';

const engine = { engine: 'node', reason: 'engine node: asked for', isFallback: false, limit: 10 };

const good: Record<string, object> = {
  pong: { kind: 'pong', beat: 3 },
  flows: { kind: 'flows', frame: {} },
  requests: {
    kind: 'requests',
    requests: [
      ['pick', 1, 'chat', '10.0.0.1', 4711, [2, 3]],
      ['release', 4],
      ['failed', 5],
    ],
  },
  report: { kind: 'report', connections: 1, services: { chat: 1 }, full: false, counters: { accepted: 2 } },
  applied: {
    kind: 'applied',
    revision: 1,
    engine,
    listening: ['chat'],
    listeningVip: [],
    failures: [{ service: 'irc', place: 'own', code: '', message: 'no', cure: '' }],
  },
};

for (const [kind, message] of Object.entries(good)) {
  test(`a ${kind} message passes as it is`, (t) => {
    t.is(checkWorkerMessage(message), message as never);
  });
}

const bad: Record<string, unknown> = {
  'no object': 7,
  'an unknown kind': { kind: 'toString' },
  'a negative beat': { kind: 'pong', beat: -1 },
  'a fraction of an upstream': { kind: 'requests', requests: [['release', 1.5]] },
  'a release with a rest': { kind: 'requests', requests: [['release', 1, 2]] },
  'a pick without a port': { kind: 'requests', requests: [['pick', 1, 'chat', '10.0.0.1', [], []]] },
  'a client without an address': { kind: 'requests', requests: [['pick', 1, 'chat', 'ann', 1, []]] },
  'a client with a zone': { kind: 'requests', requests: [['pick', 1, 'chat', 'fe80::1%eth0', 1, []]] },
  'a batch that is too long': { kind: 'requests', requests: Array(batchEntries + 1).fill(['release', 1]) },
  'a text that is too long': {
    kind: 'requests',
    requests: [['pick', 1, 'x'.repeat(3_000), '10.0.0.1', 1, []]],
  },
  'a list of servers tried that is too long': {
    kind: 'requests',
    requests: [['pick', 1, 'chat', '10.0.0.1', 1, Array(1_001).fill(1)]],
  },
  'a counter that is no number': {
    kind: 'report',
    connections: 1,
    services: {},
    full: false,
    counters: { accepted: 'many' },
  },
  'a failure without a cure': {
    kind: 'applied',
    revision: 1,
    engine,
    listening: [],
    listeningVip: [],
    failures: [{ service: 'irc', place: 'own', code: '', message: 'no' }],
  },
  'an engine without a limit': {
    kind: 'applied',
    revision: 1,
    engine: { ...engine, limit: undefined },
    listening: [],
    listeningVip: [],
    failures: [],
  },
};

for (const [name, message] of Object.entries(bad)) {
  test(`${name} is refused`, (t) => {
    t.is(checkWorkerMessage(message), undefined);
  });
}

test('nothing a worker may send makes the check throw', (t) => {
  const kinds = fc.constantFrom('requests', 'pong', 'report', 'applied', '__proto__');
  const fields = [
    'requests',
    'beat',
    'connections',
    'services',
    'full',
    'counters',
    'revision',
    'listening',
    'failures',
  ];
  const messages = fc.record({
    kind: kinds,
    ...Object.fromEntries(fields.map((field) => [field, fc.jsonValue()])),
  });
  t.notThrows(() =>
    fc.assert(fc.property(fc.oneof(fc.jsonValue(), messages), (message) => void checkWorkerMessage(message))),
  );
});
