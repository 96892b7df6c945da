import test from 'ava';
import fc from 'fast-check';
import { formatIp, formatMac, ipBytes, macBytes } from '../../../lib/packet/index.ts';

test('addresses of both versions are read and written back', (t) => {
  const length = fc.constantFrom(4, 16, 6);
  fc.assert(
    fc.property(
      length.chain((n) => fc.uint8Array({ minLength: n, maxLength: n })),
      (bytes) => {
        const again = bytes.length === 6 ? macBytes(formatMac(bytes)) : ipBytes(formatIp(bytes));
        t.deepEqual(Array.from(again), Array.from(bytes));
      },
    ),
  );
});

test('a v4-mapped address stays an IPv6 address, as it is in the packet', (t) => {
  t.is(ipBytes('::ffff:192.0.2.1').length, 16);
  t.is(formatIp(ipBytes('::ffff:192.0.2.1')), '::ffff:192.0.2.1');
});

test('what is no address is refused', (t) => {
  for (const text of ['', '1.2.3', '10.0.0.256', ':::', 'localhost'])
    t.throws(() => ipBytes(text), { instanceOf: RangeError });
  for (const text of ['', '02:00:00:00:00', '02-00-00-00-00-01'])
    t.throws(() => macBytes(text), { instanceOf: RangeError });
  t.throws(() => ipBytes(new Uint8Array(5)), { instanceOf: RangeError });
  t.throws(() => macBytes(new Uint8Array(5)), { instanceOf: RangeError });
});
