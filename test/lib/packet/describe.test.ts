import test from 'ava';
import {
  buildArp,
  buildEthernet,
  buildPacket,
  describeFrame,
  describeIp,
  encapsulate,
} from '../../../lib/packet/index.ts';

const link = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' };
const ip = { source: '10.0.0.1', destination: '10.0.0.2' };
const tcp = {
  sourcePort: 4000,
  destinationPort: 9000,
  sequence: 7,
  acknowledgment: 8,
  flags: 0x12,
  window: 100,
};

test('a frame reads as one line', (t) => {
  t.is(
    describeFrame(
      buildPacket({ ethernet: { ...link, vlans: [{ id: 5 }] }, ip, tcp, payload: new Uint8Array(3) }),
    ),
    '02:00:00:00:00:01 > 02:00:00:00:00:02 vlan 5 ipv4 10.0.0.1 > 10.0.0.2 ttl 64 tcp 4000 > 9000 [syn ack] seq 7 ack 8 win 100 len 3',
  );
});

test('wrong checksums are told', (t) => {
  t.regex(describeIp(buildPacket({ ip: { ...ip, checksum: 1 }, tcp })), /bad header checksum tcp/);
  t.regex(describeIp(buildPacket({ ip, tcp: { ...tcp, checksum: 1 } })), /len 0 bad checksum$/);
  t.regex(
    describeIp(buildPacket({ ip, icmp: { type: 8, checksum: 1 } })),
    /icmp type 8 code 0 id 0 seq 0 len 0 bad checksum$/,
  );
});

test('tunnels, ICMP errors, ARP, fragments and other types read as one line', (t) => {
  const inner = buildPacket({ ip, udp: { sourcePort: 1, destinationPort: 2 } });
  t.is(
    describeIp(encapsulate(inner, { source: '2001:db8::1', destination: '::ffff:1.2.3.4' })),
    'ipv6 2001:db8::1 > ::ffff:1.2.3.4 ttl 64 proto 4 { ipv4 10.0.0.1 > 10.0.0.2 ttl 64 udp 1 > 2 len 0 }',
  );
  t.is(
    describeIp(buildPacket({ ip, icmp: { type: 3, code: 4, mtu: 1400 }, payload: inner.subarray(0, 24) })),
    'ipv4 10.0.0.1 > 10.0.0.2 ttl 64 icmp type 3 code 4 mtu 1400 len 24 about { ipv4 10.0.0.1 > 10.0.0.2 ttl 64 ports 1 > 2 }',
  );
  const arp = buildArp({
    operation: 1,
    senderMac: link.source,
    senderIp: ip.source,
    targetMac: link.source,
    targetIp: ip.destination,
  });
  t.regex(
    describeFrame(buildEthernet({ ...link, etherType: 0x0806 }, arp)),
    /arp who has 10.0.0.2 tell 10.0.0.1/,
  );
  t.regex(
    describeIp(buildPacket({ ip: { ...ip, fragmentOffset: 8, moreFragments: true, protocol: 6 } })),
    / frag 8\+$/,
  );
  t.regex(describeFrame(buildEthernet({ ...link, etherType: 0x88cc }, new Uint8Array(2))), / type 0x88cc$/);
  t.regex(describeFrame(new Uint8Array(3)), /malformed ethernet at 3: truncated: 3 of 14 bytes/);
});
