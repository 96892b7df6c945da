import test from 'ava';
import { waysWith } from '../../balancer/ways.ts';
import type { Way } from '../../lib/heartbeat/index.ts';
import type { Forwarding } from '../../topology/index.ts';

function ways(forwarding: Forwarding, now: readonly Way[], before: readonly Way[] = []): readonly Way[] {
  return [...waysWith(forwarding, { now: new Set(now), lately: new Set([...now, ...before]) })].sort();
}

test('what directors forward by is taken besides what the file says, and for a while after they have left it', (t) => {
  t.deepEqual(ways('fullnat', []), ['fullnat']);
  t.deepEqual(ways('fullnat', ['dr']), ['dr', 'fullnat']);
  t.deepEqual(ways('fullnat', ['nat', 'fullnat']), ['fullnat', 'nat']);
  t.deepEqual(ways('fullnat', ['fullnat'], ['tun']), ['fullnat', 'tun']);
  t.deepEqual(ways('proxy', ['dr']), ['dr', 'proxy']);
});

test('of proxy and fullnat there is one: the file has its way when no director needs the other any more', (t) => {
  t.deepEqual(ways('dr', ['fullnat']), ['dr', 'fullnat']);
  t.deepEqual(ways('proxy', ['fullnat']), ['fullnat']);
  t.deepEqual(ways('proxy', ['fullnat', 'proxy']), ['fullnat']);
  t.deepEqual(ways('fullnat', ['proxy']), ['proxy']);
  t.deepEqual(ways('proxy', ['proxy'], ['fullnat']), ['proxy']);
  t.deepEqual(ways('nat', ['proxy'], ['fullnat']), ['nat', 'proxy']);
});
