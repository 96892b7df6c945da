import { buildPacket, buildIp, encapsulate, IpProtocol } from '../../../../lib/packet/index.ts';
import { kernelTest } from '../../linux/bpf/kernel-test.ts';
import { client, director, frameOf, host, next, programs, vip, type Outcome } from './run.ts';

type Version = 4 | 6;
const versions = [4, 6] as const;
const payload = Buffer.from('what the client says');

function inner(version: Version, destination: string = vip[version]): Uint8Array {
  return buildPacket({
    ip: { source: client[version], destination },
    tcp: { sourcePort: 40_000, destinationPort: 9_000, flags: 0x18 },
    payload,
  });
}

function wrapped(outer: Version, packet: Uint8Array, from: string = director[outer]): Uint8Array {
  return frameOf(encapsulate(packet, { source: from, destination: host[outer] }));
}

/** The frame is as it was. */
function isUntouched({ result, frame }: Outcome, sent: Uint8Array): boolean {
  return result === next && Buffer.from(frame).equals(sent);
}

for (const outer of versions) {
  for (const within of versions) {
    kernelTest(
      `IPv${within} in IPv${outer} from a director for a VIP comes out as the client sent it`,
      (t) => {
        const run = programs();
        const packet = inner(within);
        const { result, frame, counted } = run.unwrap(wrapped(outer, packet));
        run.close();
        t.is(result, next);
        t.deepEqual(Buffer.from(frame.subarray(14)), Buffer.from(packet));
        t.deepEqual(counted, { unwrapped: 1 });
      },
    );
  }
}

kernelTest('an outer IPv4 header goes with all its options', (t) => {
  const run = programs();
  const packet = inner(4);
  for (const bytes of [4, 20, 40]) {
    const options = new Uint8Array(bytes).fill(1);
    const outer = { source: director[4], destination: host[4], protocol: IpProtocol.Ipv4, options };
    const { frame, counted } = run.unwrap(frameOf(buildIp(outer, packet)));
    t.deepEqual(Buffer.from(frame.subarray(14)), Buffer.from(packet), `${bytes} bytes of options`);
    t.deepEqual(counted, { unwrapped: 1 });
  }
  run.close();
});

kernelTest('a tunnel packet cut off at any byte of its headers is left alone', (t) => {
  const run = programs();
  for (const outer of versions) {
    for (const within of versions) {
      const whole = wrapped(outer, inner(within));
      // The kernel runs programs on no frame that is shorter than Ethernet and a first header.
      const first = 14 + (outer === 4 ? 20 : 40);
      for (let length = first; length < first + (within === 4 ? 20 : 40); length++) {
        const sent = whole.subarray(0, length);
        const outcome = run.unwrap(sent);
        t.true(isUntouched(outcome, sent), `IPv${within} in IPv${outer}, ${length} bytes`);
        t.is(outcome.counted.unwrapped, undefined);
      }
    }
  }
  run.close();
});

kernelTest(
  'whatever is not from a director to this host for a VIP goes its way untouched, counted by reason',
  (t) => {
    const run = programs();
    const cases = {
      'another source': [wrapped(4, inner(4), '10.77.0.9'), { tunnelForeignSource: 1 }],
      'another source, IPv6': [wrapped(6, inner(6), 'fd77::9'), { tunnelForeignSource: 1 }],
      'another destination': [
        frameOf(encapsulate(inner(4), { source: director[4], destination: '10.77.1.9' })),
        { tunnelForeignSource: 1 },
      ],
      'no VIP': [wrapped(4, inner(4, '203.0.113.11')), { tunnelForeignVip: 1 }],
      'no VIP, IPv6': [wrapped(4, inner(6, '2001:db8::11')), { tunnelForeignVip: 1 }],
      'this host itself inside': [wrapped(4, inner(4, host[4])), { tunnelForeignVip: 1 }],
      'the last fragment': [
        frameOf(
          buildIp(
            { source: director[4], destination: host[4], protocol: IpProtocol.Ipv4, fragmentOffset: 64 },
            inner(4),
          ),
        ),
        { tunnelFragments: 1 },
      ],
      'the first fragment': [
        frameOf(
          buildIp(
            { source: director[4], destination: host[4], protocol: IpProtocol.Ipv4, moreFragments: true },
            inner(4),
          ),
        ),
        { tunnelFragments: 1 },
      ],
      'IPv6 where IPv4 is said': [
        frameOf(buildIp({ source: director[4], destination: host[4], protocol: IpProtocol.Ipv4 }, inner(6))),
        { tunnelMalformed: 1 },
      ],
      'IPv4 where IPv6 is said': [
        frameOf(
          buildIp(
            { source: director[4], destination: host[4], protocol: IpProtocol.Ipv6 },
            Buffer.concat([inner(4), new Uint8Array(40)]),
          ),
        ),
        { tunnelMalformed: 1 },
      ],
      'plain TCP for a VIP': [frameOf(inner(4)), {}],
      'plain TCP for a VIP, IPv6': [frameOf(inner(6)), {}],
      'UDP between director and host': [
        frameOf(
          buildPacket({
            ip: { source: director[4], destination: host[4] },
            udp: { sourcePort: 1, destinationPort: 2 },
          }),
        ),
        {},
      ],
    } as const;
    for (const [what, [sent, counted]] of Object.entries(cases)) {
      const outcome = run.unwrap(sent);
      t.true(isUntouched(outcome, sent), what);
      t.deepEqual(outcome.counted, counted, what);
    }
    run.close();
  },
);

kernelTest('an outer header shorter than any is left alone', (t) => {
  const run = programs();
  const sent = wrapped(4, inner(4)).slice();
  sent[14] = 0x44;
  // The kernel refuses to run programs on a frame whose IP header it can tell is broken, or leaves it alone.
  const outcome = run.unwrap(sent);
  t.true(isUntouched(outcome, sent));
  t.deepEqual(outcome.counted, { tunnelMalformed: 1 });
  run.close();
});
