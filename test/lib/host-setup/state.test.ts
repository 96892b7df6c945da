import test from 'ava';
import fc from 'fast-check';
import {
  changeKey,
  claim,
  emptyState,
  forget,
  release,
  withOwner,
  type Change,
  type HostState,
} from '../../../lib/host-setup/state.ts';
import { parseState } from '../../../lib/host-setup/state-schema.ts';

const arp: Change = { kind: 'sysctl', path: 'net/ipv4/conf/eth0/arp_ignore', before: '0', now: '1' };
const vip: Change = { kind: 'address', ifindex: 1, address: '203.0.113.10', prefixLength: 32 };
const other: Change = { ...vip, address: '203.0.113.11' };
const changes = [arp, vip, other];

test('what two owners want is undone with the second one, the last change first', (t) => {
  let state = [arp, vip].reduce((each, change) => claim(each, 'a', change), emptyState('boot'));
  // b finds the setting as a left it; what counts is what was there before a.
  state = claim(claim(state, 'b', { ...arp, before: '1' }), 'b', vip);
  const first = forget(state, 'a');
  t.deepEqual(first.undo, []);
  t.deepEqual(forget(first.state, 'b').undo, [vip, arp]);
});

test('an owner that wants less keeps the rest', (t) => {
  const state = changes.reduce((each, change) => claim(each, 'a', change), emptyState('boot'));
  const { state: left, undo } = release(state, 'a', new Set([changeKey(arp), changeKey(vip)]));
  t.deepEqual(undo, [other]);
  t.is(left.claims.length, 2);
});

test('whatever owners want and drop in any order, each change is undone exactly once, to what was there before', (t) => {
  const step = fc.record({ owner: fc.constantFrom('a', 'b', 'c'), change: fc.nat(2), drop: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let state: HostState = emptyState('boot');
      const inForce = new Set<string>();
      const undone = (undo: readonly Change[]): void => {
        for (const change of undo) {
          if (!inForce.delete(changeKey(change))) throw new Error('undone twice');
          if (change.kind === 'sysctl' && change.before !== '0') throw new Error('not what was there before');
        }
      };
      for (const { owner, change: index, drop } of steps) {
        const change = changes[index]!;
        if (drop) {
          const forgotten = forget(state, owner);
          state = forgotten.state;
          undone(forgotten.undo);
        } else {
          const found = inForce.has(changeKey(change)) && change.kind === 'sysctl';
          state = claim(
            withOwner(state, { name: owner }),
            owner,
            found ? { ...change, before: '1' } : change,
          );
          inForce.add(changeKey(change));
        }
      }
      for (const owner of ['a', 'b', 'c']) {
        const forgotten = forget(state, owner);
        state = forgotten.state;
        undone(forgotten.undo);
      }
      return inForce.size === 0 && state.claims.length === 0 && state.owners.length === 0;
    }),
  );
  t.pass();
});

test('a state is read back as it was written', (t) => {
  let state = changes.reduce((each, change) => claim(each, 'a', change), emptyState('boot'));
  state = withOwner(state, { name: 'a', process: { pid: 7, started: '4711' } });
  state = withOwner(state, { name: 'b', pinDirectory: '/sys/fs/bpf/headgate/host-chat-b1' });
  t.deepEqual(parseState(JSON.stringify(state)), state);
});

test('a state that this version does not understand is none, and no other file of /proc/sys is written for it', (t) => {
  const good = JSON.parse(JSON.stringify(claim(emptyState('boot'), 'a', arp))) as {
    claims: { change: Record<string, unknown>; owners: unknown }[];
    [key: string]: unknown;
  };
  t.truthy(parseState(JSON.stringify(good)));
  for (const [path, value] of [
    ['net/ipv4/conf/../../../kernel/core_pattern', '1'],
    ['kernel/core_pattern', '1'],
    ['net/ipv4/conf/eth0/arp_ignore', '|/bin/sh'],
    ['net/ipv4/conf/a/../b', '1'],
  ] as const) {
    const change = { ...good.claims[0]!.change, path, before: value };
    t.is(parseState(JSON.stringify({ ...good, claims: [{ change, owners: ['a'] }] })), undefined, path);
  }
  for (const text of [
    '',
    'null',
    '{"version":2}',
    '{"version":1,"boot":"x","owners":{},"claims":[]}',
    '{"version":1,"boot":"x","owners":[{"name":1}],"claims":[]}',
    '{"version":1,"boot":"x","owners":[{"name":"a","process":{"pid":"1","started":"1"}}],"claims":[]}',
    '{"version":1,"boot":"x","owners":[],"claims":[{"change":{"kind":"file"},"owners":[]}]}',
    '{"version":1,"boot":"x","owners":[],"claims":[{"change":{"kind":"address","ifindex":1,"address":"x","prefixLength":32},"owners":[]}]}',
  ])
    t.is(parseState(text), undefined, text);
});
