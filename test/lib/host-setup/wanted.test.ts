import test from 'ava';
import { claim, emptyState, type Change } from '../../../lib/host-setup/state.ts';
import { wantedChanges, type Observed } from '../../../lib/host-setup/wanted.ts';

const eth0 = { interface: 'eth0' };
const vips = [{ address: '203.0.113.10', mode: 'dr' }] as const;
const vip: Change = { kind: 'address', ifindex: 1, address: '203.0.113.10', prefixLength: 32 };
const ignore: Change = { kind: 'sysctl', path: 'net/ipv4/conf/eth0/arp_ignore', before: '0', now: '1' };

/** Settings by short name (`eth0.arp_ignore`), 0 where none is given. */
function host(settings: Record<string, string> = {}, addresses: readonly string[] = []): Observed {
  return {
    sysctl: (path) => settings[path.replace('net/ipv4/conf/', '').replace('/', '.')] ?? '0',
    hasAddress: (_, address) => addresses.includes(address),
  };
}

function words(changes: readonly Change[]): readonly string[] {
  return changes.map((change) =>
    change.kind === 'sysctl'
      ? `${change.path.split('/').at(-1)} ${change.before}>${change.now}`
      : change.address,
  );
}

test('a plain host is told to keep silent before it gets the VIP', (t) => {
  const { todo, claims } = wantedChanges(emptyState(''), eth0, vips, host());
  t.deepEqual(words(todo), ['arp_ignore 0>1', 'arp_announce 0>2', '203.0.113.10']);
  t.deepEqual(claims, todo);
});

test('what is as it should be is not claimed, so that nobody undoes it; the larger of all and the interface counts', (t) => {
  const settings = { 'all.arp_ignore': '1', 'eth0.arp_ignore': '0', 'eth0.arp_announce': '2' };
  t.deepEqual(wantedChanges(emptyState(''), eth0, vips, host(settings, ['203.0.113.10'])), {
    todo: [],
    claims: [],
  });
});

test('only a strict reverse path check is loosened', (t) => {
  const loosened = (settings: Record<string, string>) =>
    words(wantedChanges(emptyState(''), eth0, vips, host(settings)).todo).some((word) =>
      word.startsWith('rp'),
    );
  t.true(loosened({ 'eth0.rp_filter': '1' }));
  t.true(loosened({ 'all.rp_filter': '1' }));
  t.false(loosened({ 'eth0.rp_filter': '2', 'all.rp_filter': '1' }));
  t.false(loosened({}));
});

test('what headgate did before is claimed again but not done again, and is mended where somebody undid it', (t) => {
  const state = claim(claim(emptyState(''), 'other', ignore), 'other', vip);
  const settled = host({ 'eth0.arp_ignore': '1', 'eth0.arp_announce': '2' }, ['203.0.113.10']);
  t.deepEqual(wantedChanges(state, eth0, vips, settled), { claims: [ignore, vip], todo: [] });
  const spoilt = host({ 'eth0.arp_announce': '2' });
  t.deepEqual(wantedChanges(state, eth0, vips, spoilt), { claims: [ignore, vip], todo: [ignore, vip] });
  // Stricter than ours is good, too.
  const stricter = host({ 'eth0.arp_ignore': '8', 'eth0.arp_announce': '2' }, ['203.0.113.10']);
  t.deepEqual(wantedChanges(state, eth0, vips, stricter).todo, []);
});

test('an IPv6 VIP needs only its address', (t) => {
  const { todo } = wantedChanges(emptyState(''), eth0, [{ address: '2001:db8::10', mode: 'tun' }], host());
  t.deepEqual(todo, [{ kind: 'address', ifindex: 1, address: '2001:db8::10', prefixLength: 128 }]);
});

test('no VIP, nothing to do', (t) => {
  t.deepEqual(wantedChanges(emptyState(''), eth0, [], host()), { claims: [], todo: [] });
});
