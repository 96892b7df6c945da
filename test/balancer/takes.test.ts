import test from 'ava';
import { takesOf } from '../../balancer/takes.ts';
import { waysOfFile } from '../../balancer/ways.ts';
import type { Forwarding } from '../../topology/index.ts';
import { aService } from '../topology-fixture.ts';

const ways = (forwarding: Forwarding) => waysOfFile(aService({ forwarding }));
const nothing = { ways: ways('proxy'), listensOwn: false, listensVip: false, unwraps: false } as const;

test('a service takes what is listened for and prepared, and nothing else', (t) => {
  t.deepEqual(takesOf(nothing), []);
  t.deepEqual(takesOf({ ...nothing, listensOwn: true }), ['proxy']);
  t.deepEqual(takesOf({ ...nothing, ways: ways('dr'), listensOwn: true }), ['proxy']);
  const vip = { ...nothing, listensOwn: true, listensVip: true } as const;
  t.deepEqual(takesOf({ ...vip, ways: ways('auto') }), ['proxy', 'dr']);
  t.deepEqual(takesOf({ ...vip, ways: ways('tun'), unwraps: true }), ['proxy', 'dr', 'tun']);
  t.deepEqual(takesOf({ ...nothing, listensVip: true }), ['dr']);
  t.deepEqual(takesOf({ ...nothing, ways: ways('nat'), listensOwn: true }), ['proxy', 'nat']);
  t.deepEqual(takesOf({ ...nothing, ways: ways('fullnat'), listensOwn: true }), ['fullnat']);
  t.deepEqual(takesOf({ ...nothing, ways: ways('nat') }), []);
});
