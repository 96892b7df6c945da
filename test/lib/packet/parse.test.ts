import test from 'ava';
import fc from 'fast-check';
import {
  buildArp,
  buildEthernet,
  buildPacket,
  describeFrame,
  EtherType,
  formatIp,
  formatMac,
  IpProtocol,
  parseFrame,
  parseIp,
  TcpFlag,
  type PacketFields,
} from '../../../lib/packet/index.ts';
import { frame, ipPacket } from './arbitraries.ts';

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
const link = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' } as const;

// A SYN, taken apart by hand: Ethernet, VLAN 5, IPv4, TCP with MSS 1460, no-operation and window scale 7.
const syn = hex(`
  020000000002 020000000001 8100 6005 0800
  45 00 0030 1234 4000 40 06 0000 0a000001 cb00710a
  c000 2328 00000001 00000000 70 02 faf0 0000 0000
  020405b4 01 030307
`);

test('a SYN is read field by field', (t) => {
  const { ethernet, ip, ports, transport, malformed } = parseFrame(syn);
  t.is(malformed, undefined);
  t.is(formatMac(ethernet?.destination ?? new Uint8Array()), '02:00:00:00:00:02');
  t.deepEqual(ethernet?.vlans, [{ type: 0x8100, priority: 3, dropEligible: false, id: 5 }]);
  if (ip?.kind !== 'ipv4' || transport?.kind !== 'tcp') return t.fail();
  t.is(formatIp(ip.source), '10.0.0.1');
  t.is(formatIp(ip.destination), '203.0.113.10');
  t.like(ip, { totalLength: 48, id: 0x1234, dontFragment: true, moreFragments: false, ttl: 64, protocol: 6 });
  t.deepEqual(ports, { source: 0xc000, destination: 9000 });
  t.like(transport, { sequence: 1, acknowledgment: 0, flags: TcpFlag.Syn, window: 0xfaf0 });
  return t.deepEqual(
    transport.options.map(({ kind, data }) => [kind, ...data]),
    [[2, 0x05, 0xb4], [1], [3, 7]],
  );
});

test('an ARP request is read field by field', (t) => {
  const arp = buildArp({
    operation: 1,
    senderMac: link.source,
    senderIp: '10.0.0.1',
    targetMac: '00:00:00:00:00:00',
    targetIp: '10.0.0.2',
  });
  t.deepEqual(arp, hex('0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002'));
  const { arp: read } = parseFrame(buildEthernet({ ...link, etherType: EtherType.Arp }, arp));
  t.is(read?.operation, 1);
  t.is(formatIp(read?.targetIp ?? new Uint8Array(4)), '10.0.0.2');
});

test('IPv6 extension headers are walked, fragments are told', (t) => {
  const extensions = [
    { type: IpProtocol.HopByHop, rest: hex('00 0502000001 00') },
    // Offset 16 (units of 8), more fragments, identification 7.
    { type: IpProtocol.Fragment, rest: hex('00 0081 00000007') },
  ];
  const ip = { source: '2001:db8::1', destination: '2001:db8::2', extensions, protocol: IpProtocol.Tcp };
  const { ip: read, transport } = parseIp(buildPacket({ ip, payload: new Uint8Array(32) }));
  if (read?.kind !== 'ipv6') return t.fail();
  t.deepEqual(
    read.extensions.map(({ type, bytes }) => [type, bytes]),
    [
      [0, 8],
      [44, 8],
    ],
  );
  t.like(read, { protocol: 6, moreFragments: true, fragmentOffset: 128, id: 7 });
  return t.is(transport, undefined, 'behind the first fragment there is no TCP header');
});

test('an authentication header counts its length in four bytes', (t) => {
  // RFC 4302: payload length 4 means (4 + 2) * 4 = 24 bytes.
  const extensions = [{ type: IpProtocol.Authentication, rest: Uint8Array.of(4, ...new Uint8Array(22)) }];
  const fields = {
    ip: { source: '::1', destination: '::2', extensions },
    udp: { sourcePort: 1, destinationPort: 2 },
  };
  t.deepEqual(parseIp(buildPacket(fields)).ports, { source: 1, destination: 2 });
});

for (const [family, source, destination, types] of [
  ['icmp', '10.0.0.1', '203.0.113.10', { type: 3, code: 4 }],
  ['icmpv6', '2001:db8::1', '2001:db8::2', { type: 2, code: 0 }],
] as const) {
  test(`an ${family} error gives MTU and the quoted packet, cut after eight bytes of TCP`, (t) => {
    const about = buildPacket({
      ip: { source: destination, destination: source },
      tcp: { sourcePort: 9000, destinationPort: 4000, sequence: 77 },
      payload: new Uint8Array(100),
    });
    const quote = about.subarray(0, (source.includes(':') ? 40 : 20) + 8);
    const bytes = buildPacket({ ip: { source, destination }, icmp: { ...types, mtu: 1400 }, payload: quote });
    const { transport, malformed } = parseIp(bytes);
    t.is(malformed, undefined);
    if (transport?.kind !== family) return t.fail();
    t.is(transport.mtu, 1400);
    t.is(transport.quoted?.malformed, undefined);
    return t.deepEqual(transport.quoted?.ports, { source: 9000, destination: 4000 });
  });
}

const faults: readonly (readonly [
  what: string,
  bytes: Uint8Array,
  layer: string,
  offset: number,
  reason: RegExp,
])[] = [
  ['no bytes', hex(''), 'ethernet', 0, /truncated: 0 of 14/],
  ['a lonely VLAN tag', hex('020000000002 020000000001 8100 00'), 'vlan', 15, /truncated: 1 of 4/],
  ['IPv4 that says version 6', patch(18, 0x65), 'ipv4', 18, /version is 6/],
  ['a header length of 16', patch(18, 0x44), 'ipv4', 18, /header length is 16/],
  ['a total length above what is there', patch(21, 0x31), 'ipv4', 20, /total length is 49, but 48/],
  ['a total length below the header', patch(21, 0x10), 'ipv4', 20, /total length 16 is less/],
  ['a TCP header of 16 bytes', patch(50, 0x40), 'tcp', 50, /header length is 16/],
  ['a TCP header longer than the packet', patch(50, 0xf0), 'tcp', 66, /truncated: 28 of 60/],
  ['a TCP option of length 1', patch(59, 1), 'tcp option', 59, /length of option 2 is 1/],
  ['a TCP option beyond the header', patch(59, 9), 'tcp option', 66, /truncated: 8 of 9/],
];

function patch(at: number, value: number): Uint8Array {
  const bytes = syn.slice();
  bytes[at] = value;
  return bytes;
}

for (const [what, bytes, layer, offset, reason] of faults) {
  test(`${what} is malformed, and it is said where`, (t) => {
    const { malformed } = parseFrame(bytes);
    t.like(malformed, { layer, offset });
    t.regex(malformed?.reason ?? '', reason);
  });
}

test('a UDP length beyond the packet is malformed', (t) => {
  const fields = {
    ip: { source: '10.0.0.1', destination: '10.0.0.2' },
    udp: { sourcePort: 1, destinationPort: 2, length: 9 },
  };
  t.like(parseIp(buildPacket(fields)).malformed, { layer: 'udp', offset: 24 });
});

/** The fields of what was read, ready to be built again. */
function fieldsOf(bytes: Uint8Array): PacketFields | undefined {
  const { ethernet, ip, transport } = parseFrame(bytes);
  if (ethernet === undefined || ip === undefined || transport === undefined) return undefined;
  const header =
    ip.kind === 'ipv4'
      ? ip
      : {
          ...ip,
          extensions: ip.extensions.map(({ type, offset, bytes: length }) => ({
            type,
            rest: bytes.subarray(offset + 1, offset + length),
          })),
        };
  return {
    ethernet,
    ip: header,
    [transport.kind === 'icmpv6' ? 'icmp' : transport.kind]: transport,
    payload: bytes.subarray(transport.payloadOffset, transport.payloadEnd),
  };
}

test('a frame that was read and built again is the same, byte for byte', (t) => {
  fc.assert(
    fc.property(frame, (fields) => {
      const bytes = buildPacket(fields);
      const again = fieldsOf(bytes);
      if (again === undefined) return t.fail(describeFrame(bytes));
      return t.deepEqual(buildPacket(again), bytes);
    }),
  );
});

test('a packet cut off at any byte is malformed, and the place lies within it', (t) => {
  fc.assert(
    fc.property(frame, (fields) => {
      const bytes = buildPacket(fields);
      for (let length = 0; length < bytes.length; length++) {
        const { malformed } = parseFrame(bytes.subarray(0, length));
        if (malformed === undefined || malformed.offset > length) {
          return t.fail(`${length} of ${bytes.length} bytes: ${JSON.stringify(malformed)}`);
        }
      }
      return t.is(parseFrame(bytes).malformed, undefined);
    }),
    { numRuns: 60 },
  );
});

test('padding behind the packet is not taken for payload', (t) => {
  fc.assert(
    fc.property(ipPacket, fc.uint8Array({ minLength: 1, maxLength: 20 }), (fields, padding) => {
      const bytes = buildPacket(fields);
      const padded = Uint8Array.of(...bytes, ...padding);
      t.is(parseIp(padded).transport?.payloadEnd, bytes.length);
    }),
    { numRuns: 50 },
  );
});

test('any bytes, also a packet with flipped ones, are read and described without a throw', (t) => {
  const flips = fc.array(fc.tuple(fc.nat({ max: 120 }), fc.integer({ min: 0, max: 255 })), { maxLength: 6 });
  fc.assert(
    fc.property(
      fc.oneof(frame.map(buildPacket), fc.uint8Array({ maxLength: 120 })),
      flips,
      (bytes, changes) => {
        const changed = bytes.slice();
        for (const [at, value] of changes) if (at < changed.length) changed[at] = value;
        t.notThrows(() => parseFrame(changed));
        t.notRegex(describeFrame(changed), /undefined|NaN|\n/);
      },
    ),
    { numRuns: 500 },
  );
});

test('tunnels in tunnels are looked into four times, not for ever', (t) => {
  let packet = buildPacket({ ip: { source: '10.0.0.1', destination: '10.0.0.2' } });
  for (let depth = 0; depth < 1000; depth++) {
    packet = buildPacket({
      ip: { source: '10.0.0.1', destination: '10.0.0.2', protocol: 4 },
      payload: packet,
    });
  }
  let depth = 0;
  for (let inner = parseIp(packet).inner; inner !== undefined; inner = inner.inner) depth++;
  t.is(depth, 4);
});
