import test from 'ava';
import {
  decodeProxyHeader,
  encodeLocalHeader,
  encodeProxyHeader,
} from '../../../lib/proxy-protocol/index.ts';
import { goldens } from './golden.ts';

for (const { what, version, bytes, proxied, encoded } of goldens) {
  if (!encoded || proxied === null) continue;
  test(`${version}: writes ${what}`, (t) => {
    t.deepEqual(encodeProxyHeader(version, proxied.source, proxied.destination), bytes);
  });
}

test('a header for the proxy itself names nobody', (t) => {
  t.is(encodeLocalHeader('v1').toString('latin1'), 'PROXY UNKNOWN\r\n');
  t.is(encodeLocalHeader('v2').toString('hex'), '0d0a0d0a000d0a515549540a20000000');
  for (const version of ['v1', 'v2'] as const) {
    t.like(decodeProxyHeader(encodeLocalHeader(version), version), { kind: 'ok', proxied: null });
  }
});

test('ends of different families are both written as IPv6', (t) => {
  const source = { host: '192.0.2.1', port: 1 };
  const destination = { host: '2001:db8::1', port: 2 };
  t.is(
    encodeProxyHeader('v1', source, destination).toString('latin1'),
    'PROXY TCP6 ::ffff:192.0.2.1 2001:db8::1 1 2\r\n',
  );
  t.is(
    encodeProxyHeader('v2', source, destination).subarray(16).toString('hex'),
    '00000000000000000000ffffc000020120010db800000000000000000000000100010002',
  );
});
