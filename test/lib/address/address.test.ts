import test from 'ava';
import {
  addressBytes,
  canonicalAddress,
  formatEndpoint,
  parseEndpoint,
  sameEndpoint,
} from '../../../lib/address/index.ts';

test('an address has one canonical text', (t) => {
  t.is(canonicalAddress('10.0.0.1'), '10.0.0.1');
  t.is(canonicalAddress('2001:DB8:0:0::1'), '2001:db8::1');
  t.is(canonicalAddress('::ffff:10.0.0.1'), '10.0.0.1');
});

test('names, short forms, zones and nonsense are no addresses', (t) => {
  for (const text of ['localhost', '127.1', '0x7f.0.0.1', '10.0.0.256', 'fe80::1%eth0', '', '1', ':::'])
    t.is(canonicalAddress(text), undefined, text);
});

test('an endpoint is read and printed in the same form', (t) => {
  for (const text of ['10.0.0.1:80', '[2001:db8::1]:65535']) t.is(formatEndpoint(parseEndpoint(text)!), text);
});

test('a bare IPv6 address with a port, port 0 and port 65536 are refused', (t) => {
  for (const text of ['2001:db8::1:80', '10.0.0.1:0', '10.0.0.1:65536', '10.0.0.1', '[10.0.0.1]:80', ':80'])
    t.is(parseEndpoint(text), undefined, text);
});

test('IPv4 bytes are the v4-mapped form', (t) => {
  t.deepEqual([...addressBytes('10.1.2.3')], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3]);
  t.deepEqual([...addressBytes('2001:db8::1')], [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
});

test('endpoints are the same when address and port are', (t) => {
  t.true(sameEndpoint({ host: '::1', port: 1 }, { host: '::1', port: 1 }));
  t.false(sameEndpoint({ host: '::1', port: 1 }, { host: '::1', port: 2 }));
});
