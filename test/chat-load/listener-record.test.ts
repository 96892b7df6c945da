import test from 'ava';
import { ListenerRecord } from './listener-record.ts';

test('messages once and in order are right', (t) => {
  const record = new ListenerRecord(2);
  for (const seq of [1, 2, 3]) t.is(record.heard(1, seq), undefined);
  t.is(record.awaits(Int32Array.of(0, 3), 0), undefined);
  t.is(record.awaits(Int32Array.of(0, 4), 0), 1);
  t.is(record.awaits(Int32Array.of(0, 4), 1), undefined, 'nobody waits for herself');
});

test('a message that comes twice, late or not at all is found', (t) => {
  const record = new ListenerRecord(1);
  t.is(record.heard(0, 1), undefined);
  t.regex(record.heard(0, 1) ?? '', /came again/);
  t.regex(record.heard(0, 4) ?? '', /2 to 3 of speaker 0 are missing/);
  t.regex(record.heard(0, 3) ?? '', /came again/);
});

test('who was away may have missed what was said until then, and nothing after', (t) => {
  const record = new ListenerRecord(1);
  record.heard(0, 1);
  record.back(Int32Array.of(5));
  t.is(record.awaits(Int32Array.of(5), -1), undefined);
  t.is(record.awaits(Int32Array.of(6), -1), 0);
  t.is(record.heard(0, 3), undefined, 'some of it may come all the same');
  t.is(record.heard(0, 6), undefined);
  t.regex(record.heard(0, 8) ?? '', /7 to 7/);
});
