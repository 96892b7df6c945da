import test from 'ava';
import { formatEtcdAddress, isEtcdAddress, parseEtcdAddress } from '../../../lib/etcd/index.ts';

test('an address names its endpoints, with names and IPv6, and the key', (t) => {
  const address = parseEtcdAddress('etcd://h1:2379,10.0.0.2:12379,[2001:db8::1]:2379,plain/headgate/chat');
  t.deepEqual(address, {
    tls: false,
    endpoints: [
      { host: 'h1', port: 2379 },
      { host: '10.0.0.2', port: 12_379 },
      { host: '2001:db8::1', port: 2379 },
      { host: 'plain', port: 2379 },
    ],
    key: '/headgate/chat',
    user: undefined,
  });
  t.is(
    formatEtcdAddress(address),
    'etcd://h1:2379,10.0.0.2:12379,[2001:db8::1]:2379,plain:2379/headgate/chat',
  );
});

test('etcds is TLS, and a user may stand in front, but is not shown', (t) => {
  const address = parseEtcdAddress('etcds://ann@h1/k');
  t.true(address.tls);
  t.is(address.user, 'ann');
  t.is(formatEtcdAddress(address), 'etcds://h1:2379/k');
});

for (const text of [
  'etcd://',
  'etcd://h1',
  'etcd://h1/',
  'etcd:///k',
  'etcd://h1:0/k',
  'etcd://h1:70000/k',
  'etcd://h1/a b',
  'etcd://h 1/k',
  'etcd://h1,/k',
])
  test(`${text} is refused with the form`, (t) => {
    t.true(isEtcdAddress(text));
    t.throws(() => parseEtcdAddress(text), { code: 'HEADGATE_ETCD_ADDRESS' });
  });

test('a password in the address is refused, and not repeated', (t) => {
  for (const text of ['etcd://ann:hunter2@h1/k', 'etcd://ann:hun@ter2@h1/k', 'etcd://:hunter2@h1/k']) {
    const error = t.throws(() => parseEtcdAddress(text), { code: 'HEADGATE_ETCD_ADDRESS' })!;
    t.notRegex(`${error.message} ${(error as unknown as { cure: string }).cure}`, /hunter2|ter2|hun@/);
    t.regex((error as unknown as { cure: string }).cure, /HEADGATE_ETCD_PASSWORD_FILE/);
  }
});

test('paths are no addresses in etcd', (t) => {
  for (const text of ['topology.yaml', '/etc/headgate/etcd://x', 'etcd:/x', 'https://h/k'])
    t.false(isEtcdAddress(text));
});
