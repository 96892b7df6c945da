import test from 'ava';
import { addressBytes } from '../../../lib/address/index.ts';
import { FlowHasher, flowBytes, hashHex, hashKeyFromHex } from '../../../lib/maglev/index.ts';
import { vectors } from './vectors.ts';

test('every committed flow hashes to its committed hash and slots', (t) => {
  t.true(vectors.flows.length >= 20);
  for (const { hashKey, client, input, hash, slot65537, slot251 } of vectors.flows) {
    const hasher = new FlowHasher(hashKeyFromHex(hashKey));
    const bytes = addressBytes(client.host);
    t.is(Buffer.from(bytes).toString('hex') + client.port.toString(16).padStart(4, '0'), input);
    t.is(input.length, 2 * flowBytes);
    t.is(hashHex(hasher.hash(bytes, client.port)), hash);
    t.is(hasher.slot(bytes, client.port, 65_537), slot65537);
    t.is(hasher.slotOf(client, 251), slot251);
  }
});

test('an IPv4 client and its v4-mapped form are the same client', (t) => {
  const hasher = new FlowHasher(hashKeyFromHex('00'.repeat(16)));
  t.is(
    hasher.slotOf({ host: '192.0.2.7', port: 5000 }, 65_537),
    hasher.slotOf({ host: '::ffff:192.0.2.7', port: 5000 }, 65_537),
  );
});

test('a hash key that is not 32 hexadecimal digits is refused', (t) => {
  for (const hex of ['', '00', 'g'.repeat(32), '0'.repeat(33)]) {
    t.throws(() => hashKeyFromHex(hex), { instanceOf: RangeError });
  }
});
