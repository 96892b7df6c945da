import fc from 'fast-check';
import { TcpOptionKind, type PacketFields } from '../../../lib/packet/index.ts';

/** Arbitrary well-formed packets, as the builder's fields. */

const ipv4Address = fc.uint8Array({ minLength: 4, maxLength: 4 });
const ipv6Address = fc.uint8Array({ minLength: 16, maxLength: 16 });
const mac = fc.uint8Array({ minLength: 6, maxLength: 6 });
const port = fc.integer({ min: 0, max: 0xffff });
const u8 = fc.integer({ min: 0, max: 0xff });
const u16 = port;
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });

const vlan = fc.record({
  type: fc.constantFrom(0x8100, 0x88a8),
  priority: fc.integer({ min: 0, max: 7 }),
  dropEligible: fc.boolean(),
  id: fc.integer({ min: 0, max: 4095 }),
});

const ethernet = fc.record({
  source: mac,
  destination: mac,
  vlans: fc.array(vlan, { maxLength: 2 }),
});

const option = fc.oneof(
  fc.constant({ kind: TcpOptionKind.NoOperation, data: new Uint8Array(0) }),
  fc.record({
    kind: fc.integer({ min: 2, max: 255 }),
    data: fc.uint8Array({ maxLength: 8 }),
  }),
);

const tcp = fc.record({
  sourcePort: port,
  destinationPort: port,
  sequence: u32,
  acknowledgment: u32,
  flags: u8,
  reserved: fc.integer({ min: 0, max: 15 }),
  window: u16,
  urgent: u16,
  options: fc.array(option, { maxLength: 4 }),
});
const udp = fc.record({ sourcePort: port, destinationPort: port });
const icmpEcho = fc.record({
  type: fc.constantFrom(0, 8),
  echo: fc.record({ identifier: u16, sequence: u16 }),
});
const icmpv6Echo = fc.record({
  type: fc.constantFrom(128, 129),
  echo: fc.record({ identifier: u16, sequence: u16 }),
});

const ipv4 = fc.record({
  source: ipv4Address,
  destination: ipv4Address,
  tos: u8,
  id: u16,
  dontFragment: fc.boolean(),
  ttl: u8,
  options: fc.integer({ min: 0, max: 10 }).map((words) => new Uint8Array(words * 4).fill(1)),
});

const extension = fc
  .record({ type: fc.constantFrom(0, 43, 60, 135), units: fc.integer({ min: 0, max: 3 }) })
  .map(({ type, units }) => ({ type, rest: Uint8Array.of(units, ...new Uint8Array(6 + units * 8)) }));
const ipv6 = fc.record({
  source: ipv6Address,
  destination: ipv6Address,
  trafficClass: u8,
  flowLabel: fc.integer({ min: 0, max: 0xf_ffff }),
  hopLimit: u8,
  extensions: fc.array(extension, { maxLength: 3 }),
});

const payload = fc.uint8Array({ maxLength: 64 });

/** An IP packet with TCP, UDP or an echo. */
export const ipPacket: fc.Arbitrary<PacketFields> = fc.oneof(
  fc.record({ ip: fc.oneof(ipv4, ipv6), tcp, payload }),
  fc.record({ ip: fc.oneof(ipv4, ipv6), udp, payload }),
  fc.record({ ip: ipv4, icmp: icmpEcho, payload }),
  fc.record({ ip: ipv6, icmp: icmpv6Echo, payload }),
);

/** The same in an Ethernet frame. */
export const frame: fc.Arbitrary<PacketFields> = fc
  .tuple(ethernet, ipPacket)
  .map(([link, packet]) => ({ ...packet, ethernet: link }));
