import test from 'ava';
import {
  emptyLine,
  LineCutter,
  lineRoom,
  nowUs,
  readLine,
  sinceUs,
  writeDelivered,
  writeLogin,
  writeNoSuchPerson,
  writePush,
  writeTell,
  writeTold,
  writeWelcome,
} from '../../bench/traffic/chat-lines.ts';

const text = new TextEncoder().encode('00000007@0000001234');
const server = new TextEncoder().encode('c12');
type Write = (into: Uint8Array, at: number) => number;

/** Each line with what a JSON parser reads and what readLine() does. */
const lines: readonly (readonly [Write, object, object])[] = [
  [(into, at) => writeLogin(into, at, 42), { type: 'login', name: 'u00000042' }, { kind: 'login', user: 42 }],
  [
    (into, at) => writeTell(into, at, 99_999_999, 7, 10 ** 10 + 1_234),
    { type: 'tell', to: 'u99999999', text: '00000007@0000001234', id: 7 },
    { kind: 'tell', user: 99_999_999, id: 7 },
  ],
  [
    (into, at) => writeWelcome(into, at, 1, server, 20_000),
    { type: 'welcome', name: 'u00000001', server: 'c12', people: 20_000 },
    { kind: 'welcome', user: 1, server: 12 },
  ],
  [
    (into, at) => writeTold(into, at, 3, server, text),
    { type: 'told', from: 'u00000003', server: 'c12', text: '00000007@0000001234' },
    { kind: 'told', user: 3, server: 12, number: 7, us: 1_234 },
  ],
  [
    (into, at) => writeDelivered(into, at, 65_535),
    { type: 'delivered', id: 65_535 },
    { kind: 'delivered', id: 65_535 },
  ],
  [
    (into, at) => writePush(into, at, 10, 5),
    { type: 'push', seq: 10, at: '0000000005' },
    { kind: 'push', id: 10, us: 5 },
  ],
  [
    (into, at) => writeNoSuchPerson(into, at, 4),
    { type: 'error', code: 'no-such-person', message: 'nobody has this name', id: 4 },
    { kind: 'error' },
  ],
];

test('the lines of the load are JSON of the chat protocol and are read back', (t) => {
  for (const [write, message, read] of lines) {
    const bytes = new Uint8Array(lineRoom + 3);
    const length = write(bytes, 3);
    t.true(length <= lineRoom);
    t.is(bytes[3 + length - 1], 0x0a);
    t.deepEqual(JSON.parse(new TextDecoder().decode(bytes.subarray(3, 3 + length))), message);
    const line = emptyLine();
    readLine(bytes, 3, 3 + length - 1, line);
    t.like(line, read);
  }
});

test('lines the load has no use for are others', (t) => {
  const line = emptyLine();
  for (const message of [
    '{"type":"joined","name":"u1"}',
    '{"type":"crowd","people":9}',
    '{"type":"pong"}',
    '',
  ]) {
    const bytes = new TextEncoder().encode(`${message}\n`);
    readLine(bytes, 0, bytes.length - 1, line);
    t.is(line.kind, 'other', message);
  }
});

test('a stream cut anywhere gives the same lines, for each connection its own', (t) => {
  const stream = new TextEncoder().encode('one\ntwo\n\nthree\n');
  for (let cut = 0; cut <= stream.length; cut++) {
    const cutter = new LineCutter();
    const heard: string[] = [];
    const hear = (bytes: Uint8Array, start: number, end: number): void => {
      heard.push(new TextDecoder().decode(bytes.subarray(start, end)));
    };
    cutter.cut(1, stream.subarray(0, cut), hear);
    cutter.cut(2, new TextEncoder().encode('begun'), () => t.fail());
    cutter.cut(1, stream.subarray(cut), hear);
    t.deepEqual(heard, ['one', 'two', '', 'three'], `cut at ${cut}`);
  }
});

test('the time since a moment goes round with the digits of a line, and is never negative', (t) => {
  const round = 10 ** 10;
  const second = 1_000_000;
  const past = (nowUs() - second + round) % round;
  t.true(sinceUs(past) >= second);
  t.is(sinceUs((nowUs() + second) % round), 0);
});
