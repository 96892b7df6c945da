import test from 'ava';
import fc from 'fast-check';
import { SendQueue } from '../../../lib/raw-socket/send-queue.ts';

test('a queue gives back what it took, in order, and never holds more bytes than its limit', (t) => {
  const step = fc.oneof(fc.record({ bytes: fc.nat(40) }), fc.constant('drop' as const));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new SendQueue(100);
      const expected: Uint8Array[] = [];
      for (const one of steps) {
        if (one === 'drop') {
          queue.dropFirst();
          expected.shift();
        } else {
          const packet = new Uint8Array(one.bytes);
          const held = expected.reduce((sum, { length }) => sum + length, 0);
          t.is(queue.add({ packet, to: '' }), held + one.bytes <= 100);
          if (held + one.bytes <= 100) expected.push(packet);
        }
        t.is(queue.first?.packet, expected[0]);
        t.is(queue.packets, expected.length);
      }
      t.is(queue.clear(), expected.length);
      t.true(queue.add({ packet: new Uint8Array(100), to: '' }));
    }),
  );
});
