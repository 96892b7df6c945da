import fc from 'fast-check';
import { tunnelMss } from '../../../../lib/host-setup/index.ts';
import { buildPacket, TcpFlag } from '../../../../lib/packet/index.ts';
import { kernelTest } from '../../linux/bpf/kernel-test.ts';
import test from 'ava';
import { client, frameOf, mss, next, programs, vip } from './run.ts';

type Version = 4 | 6;
const versions = [4, 6] as const;

/** The MSS option. */
function offer(value: number): Uint8Array {
  return Uint8Array.of(2, 4, value >>> 8, value & 0xff);
}

function answer(
  version: Version,
  options: Uint8Array,
  { flags = TcpFlag.Syn | TcpFlag.Ack, source = vip[version] as string } = {},
): Uint8Array {
  return frameOf(
    buildPacket({
      ip: { source, destination: client[version] },
      // Options as they are, right or wrong: bytes of the payload that the header length takes in.
      tcp: { sourcePort: 9_000, destinationPort: 40_000, flags, headerLength: 20 + options.length },
      payload: options,
    }),
  );
}

test('the MSS leaves room for the outer header', (t) => {
  t.is(tunnelMss(1_500, '10.0.0.1', '203.0.113.10'), 1_440);
  t.is(tunnelMss(1_500, '10.0.0.1', '2001:db8::10'), 1_420);
  t.is(tunnelMss(1_500, 'fd77::1', '203.0.113.10'), 1_420);
  t.is(tunnelMss(1_500, 'fd77::1', '2001:db8::10'), 1_400);
  t.is(tunnelMss(100, 'fd77::1', '2001:db8::10'), 88);
});

kernelTest('SYN and SYN-ACK from a VIP offer no more than fits, with a right checksum', (t) => {
  const run = programs();
  const rest = Uint8Array.of(1, 3, 3, 7, 4, 2, 1, 1);
  for (const version of versions) {
    for (const flags of [TcpFlag.Syn, TcpFlag.Syn | TcpFlag.Ack]) {
      const sent = answer(version, Buffer.concat([offer(1_460), rest]), { flags });
      const { result, frame, counted } = run.clamp(sent);
      t.is(result, next);
      t.deepEqual(counted, { mssLowered: 1 });
      t.deepEqual(
        Buffer.from(frame),
        Buffer.from(answer(version, Buffer.concat([offer(mss), rest]), { flags })),
      );
    }
  }
  run.close();
});

kernelTest('the MSS is found behind other options', (t) => {
  const run = programs();
  for (const before of [
    [1],
    [1, 1, 1, 1],
    [3, 3, 7, 1],
    [4, 2, 3, 3, 7, 1],
    [8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1],
    // A signature (RFC 2385), which Linux writes first.
    [19, 18, ...Array.from({ length: 16 }, (_, index) => index), 1, 1],
  ]) {
    const padding = new Uint8Array((4 - ((before.length + 4) % 4)) % 4);
    const options = (value: number) => Buffer.concat([Uint8Array.from(before), offer(value), padding]);
    const { frame } = run.clamp(answer(4, options(9_000)));
    t.deepEqual(Buffer.from(frame), Buffer.from(answer(4, options(mss))), before.join(' '));
  }
  run.close();
});

kernelTest('what is small enough, no SYN, from another address or without the option is left alone', (t) => {
  const run = programs();
  for (const sent of [
    answer(4, offer(mss)),
    answer(4, offer(536)),
    answer(4, offer(1_460), { flags: TcpFlag.Ack }),
    answer(4, offer(1_460), { flags: TcpFlag.Rst | TcpFlag.Ack }),
    answer(4, offer(1_460), { source: '203.0.113.11' }),
    answer(6, offer(1_460), { source: '2001:db8::11' }),
    answer(4, new Uint8Array(0)),
    answer(4, Uint8Array.of(0, 2, 4, 5)),
    // An option that counts less than itself would never end.
    answer(4, Uint8Array.of(5, 0, 2, 4)),
    answer(4, Uint8Array.of(2, 3, 5, 0)),
  ]) {
    const { result, frame, counted } = run.clamp(sent);
    t.is(result, next);
    t.deepEqual(Buffer.from(frame), Buffer.from(sent));
    t.deepEqual(counted, {});
  }
  run.close();
});

kernelTest('arbitrary options and cut frames change nothing but an MSS that is too large', (t) => {
  const run = programs();
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 4, maxLength: 4 }), { maxLength: 10 }),
      fc.nat(100),
      (words, cut) => {
        const whole = answer(4, Buffer.concat(words));
        const sent = whole.subarray(0, Math.max(34, whole.length - cut));
        const { result, frame, counted } = run.clamp(sent);
        if (result !== next || frame.length !== sent.length) return false;
        const changed = Array.from(sent.keys()).filter((at) => sent[at] !== frame[at]);
        return counted.mssLowered === undefined ? changed.length === 0 : changed.length <= 4;
      },
    ),
    { numRuns: 500 },
  );
  run.close();
  t.pass();
});
