import test from 'ava';
import { nextHost, nextName } from '../../../cli/up/banner.ts';

test('the proposed host is the one after the highest', (t) => {
  t.is(nextHost(['127.0.1.2', '127.0.1.10']), '127.0.1.11');
  t.is(nextHost(['10.0.0.255']), '10.0.1.0');
  t.is(nextHost(['2001:db8::1']), undefined);
});

test('the proposed name is free', (t) => {
  t.is(nextName('b', ['b1', 'b2']), 'b3');
  t.is(nextName('b', ['b3', 'x']), 'b4');
});
