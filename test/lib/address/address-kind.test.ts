import test from 'ava';
import { addressKind } from '../../../lib/address/index.ts';

test('addresses are told apart by what they are good for', (t) => {
  const kinds = {
    '10.0.0.1': 'host',
    '203.0.113.9': 'host',
    '169.254.1.1': 'host',
    '127.0.1.1': 'loopback',
    '::1': 'loopback',
    '0.0.0.0': 'wildcard',
    '::': 'wildcard',
    '224.0.0.1': 'multicast',
    'ff02::1': 'multicast',
    '255.255.255.255': 'broadcast',
    'fe80::1': 'link-local',
    '2001:db8::1': 'host',
    'fd00::1': 'host',
  } as const;
  for (const [host, kind] of Object.entries(kinds)) t.is(addressKind(host), kind, host);
});
