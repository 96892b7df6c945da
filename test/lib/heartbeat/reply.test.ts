import test from 'ava';
import fc from 'fast-check';
import type { Json } from '../../../lib/control/index.ts';
import { readReply, replyBody } from '../../../lib/heartbeat/reply.ts';

const reply = {
  services: { chat: { state: 'serving', connections: 3 }, tls: { state: 'full', connections: 0 } },
  connections: 3,
  topology: '0123456789abcdef',
} as const;

test('a reply is read as it was written', (t) => {
  t.deepEqual(JSON.parse(JSON.stringify(readReply(replyBody(reply)))) as unknown, reply);
});

test('what a service takes is read as it was written, without ways that nobody here knows', (t) => {
  const services = { chat: { state: 'serving', connections: 3, takes: ['proxy', 'dr'] } } as const;
  t.deepEqual({ ...readReply(replyBody({ ...reply, services }))!.services }, services);
  const newer = { chat: { ...services.chat, takes: ['proxy', 'pigeon'] } };
  t.deepEqual(readReply({ ...reply, services: newer })!.services['chat']!.takes, ['proxy']);
});

test('unknown fields are left out, so that a newer node may say more', (t) => {
  t.deepEqual(Object.keys(readReply({ ...reply, news: 1 })!), ['services', 'connections', 'topology']);
});

test('a service may have any name', (t) => {
  const services = JSON.parse('{"__proto__": {"state": "serving", "connections": 1}}') as Json;
  t.deepEqual(Object.keys(readReply({ ...reply, services })!.services), ['__proto__']);
});

const wrong: readonly (readonly [title: string, body: Json])[] = [
  ['null', null],
  ['a list', []],
  ['a reply without services', { connections: 1, topology: '' }],
  ['services as a list', { ...reply, services: [] }],
  ['a service that is text', { ...reply, services: { chat: 'serving' } }],
  ['an unknown state', { ...reply, services: { chat: { state: 'sleepy', connections: 0 } } }],
  ['a negative count', { ...reply, connections: -1 }],
  ['a count that is no whole number', { ...reply, connections: 1.5 }],
  ['a count beyond what numbers hold', { ...reply, connections: 2 ** 60 }],
  ['a count that is text', { ...reply, connections: '1' }],
  ['a service count missing', { ...reply, services: { chat: { state: 'serving' } } }],
  ['takes as text', { ...reply, services: { chat: { state: 'full', connections: 0, takes: 'dr' } } }],
  ['a way that is no text', { ...reply, services: { chat: { state: 'full', connections: 0, takes: [1] } } }],
  ['a topology that is no text', { ...reply, topology: 5 }],
  ['an endless topology', { ...reply, topology: 'x'.repeat(257) }],
  [
    'thousands of services',
    {
      ...reply,
      services: Object.fromEntries(
        Array.from({ length: 1_025 }, (_, n) => [`s${n}`, { state: 'serving', connections: 0 }]),
      ),
    },
  ],
];

for (const [title, body] of wrong) {
  test(`${title} is no reply`, (t) => t.is(readReply(body), undefined));
}

test('reading never throws', (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), (body) => {
      readReply(body as Json);
      readReply({ ...reply, services: body as Json });
    }),
  );
  t.pass();
});
