import test from 'ava';
import { takesOf } from '../../balancer/takes.ts';

const nothing = { forwarding: 'proxy', listensOwn: false, listensVip: false, unwraps: false } as const;

test('a service takes what is listened for and prepared, and nothing else', (t) => {
  t.deepEqual(takesOf(nothing), []);
  t.deepEqual(takesOf({ ...nothing, listensOwn: true }), ['proxy']);
  t.deepEqual(takesOf({ ...nothing, forwarding: 'dr', listensOwn: true }), ['proxy']);
  const vip = { ...nothing, listensOwn: true, listensVip: true } as const;
  t.deepEqual(takesOf({ ...vip, forwarding: 'auto' }), ['proxy', 'dr']);
  t.deepEqual(takesOf({ ...vip, forwarding: 'tun', unwraps: true }), ['proxy', 'dr', 'tun']);
  t.deepEqual(takesOf({ ...nothing, listensVip: true }), ['dr']);
  t.deepEqual(takesOf({ ...nothing, forwarding: 'nat', listensOwn: true }), ['proxy', 'nat']);
  t.deepEqual(takesOf({ ...nothing, forwarding: 'fullnat', listensOwn: true }), ['fullnat']);
  t.deepEqual(takesOf({ ...nothing, forwarding: 'nat' }), []);
});
