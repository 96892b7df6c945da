import test from 'ava';
import fc from 'fast-check';
import { buildPacket, decapsulate, encapsulate, formatIp, parseIp } from '../../../lib/packet/index.ts';
import { ipPacket } from './arbitraries.ts';

const ends = {
  IPv4: { source: '192.0.2.1', destination: '192.0.2.2' },
  IPv6: { source: '2001:db8::1', destination: '2001:db8::2' },
} as const;

for (const [version, outer] of Object.entries(ends)) {
  test(`what is wrapped into ${version} comes out unchanged`, (t) => {
    fc.assert(
      fc.property(ipPacket, fc.nat({ max: 255 }), (fields, ttl) => {
        const packet = buildPacket(fields);
        const wrapped = encapsulate(packet, { ...outer, ttl });
        t.is(wrapped.length, packet.length + (version === 'IPv4' ? 20 : 40));
        t.is(parseIp(wrapped).malformed, undefined);
        t.deepEqual(decapsulate(wrapped), { kind: 'inner', packet });
      }),
    );
  });

  for (const [innerVersion, inner, protocol] of [
    ['IPv4', ends.IPv4, 4],
    ['IPv6', ends.IPv6, 41],
  ] as const) {
    test(`${innerVersion} in ${version} carries protocol ${protocol} and the outer addresses`, (t) => {
      const wrapped = encapsulate(buildPacket({ ip: inner }), { ...outer, tos: 3 });
      const { ip } = parseIp(wrapped);
      t.is(ip?.protocol, protocol);
      t.is(formatIp(ip?.source ?? new Uint8Array(4)), outer.source);
      t.is(ip?.kind === 'ipv6' ? ip.trafficClass : ip?.tos, 3);
    });
  }
}

test('a tunnel packet cut off at any byte is not unwrapped', (t) => {
  const wrapped = encapsulate(buildPacket({ ip: ends.IPv6, payload: new Uint8Array(9) }), ends.IPv4);
  for (let length = 0; length < wrapped.length; length++) {
    t.is(decapsulate(wrapped.subarray(0, length)).kind, 'malformed', `${length} bytes`);
  }
});

test('what is not a tunnel, or not of the version it says, is malformed', (t) => {
  t.like(decapsulate(buildPacket({ ip: ends.IPv4 })), { reason: 'not a tunnel: the protocol is 59' });
  const inner = buildPacket({ ip: ends.IPv6 });
  const lie = buildPacket({ ip: { ...ends.IPv4, protocol: 4 }, payload: inner });
  t.like(decapsulate(lie), { reason: 'the version is 6' });
  const piece = buildPacket({ ip: { ...ends.IPv4, protocol: 4, moreFragments: true }, payload: inner });
  t.like(decapsulate(piece), { reason: 'a fragment of a tunnel packet' });
  t.throws(() => encapsulate(Uint8Array.of(0x50), ends.IPv4), { message: /version 5/ });
});
