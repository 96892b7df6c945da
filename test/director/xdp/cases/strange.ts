import { EtherType, IpProtocol } from '../../../../lib/packet/index.ts';
import { buildPacket } from '../../../../lib/packet/index.ts';
import { client4, gatewayMac, ownMac, vip4 } from '../../forward/world.ts';
import { Ack, to4, to6, type PacketCase } from './case.ts';

const pass = (
  title: string,
  packet: Uint8Array,
  counter: PacketCase['counter'] = 'passOther',
): PacketCase => ({
  title,
  packet,
  verdict: 'pass',
  counter,
});
const drop = (title: string, packet: Uint8Array, counter: PacketCase['counter']): PacketCase => ({
  title,
  packet,
  verdict: 'drop',
  counter,
});

function changed(frame: Uint8Array, at: number, value: number): Uint8Array {
  const copy = frame.slice();
  copy[at] = value;
  return copy;
}

const link = { source: gatewayMac, destination: ownMac };
const udp4 = buildPacket({
  ethernet: link,
  ip: { source: client4, destination: vip4 },
  udp: { sourcePort: 1, destinationPort: 9000 },
});
const arp = buildPacket({
  ethernet: { ...link, etherType: EtherType.Arp },
  ip: { source: client4, destination: vip4 },
});
const extension = (type: number) => to6({ ip: { extensions: [{ type, rest: new Uint8Array(7) }] } });
const fragment6 = (offset: number) =>
  to6({ ip: { extensions: [{ type: IpProtocol.Fragment, rest: Uint8Array.of(0, 0, offset, 0, 0, 0, 1) }] } });

/** Not ours: untouched. */
const notOurs: readonly PacketCase[] = [
  pass('TCP to another port of the VIP passes: SSH keeps working', to4({ tcp: { destinationPort: 22 } })),
  pass('TCP to another address passes', to4({ ip: { destination: '192.0.2.1' } })),
  pass('TCP over IPv6 to another address passes', to6({ ip: { destination: '2001:db8::99' } })),
  pass('UDP to the VIP passes', udp4),
  pass('ARP passes', arp),
  pass('a frame to another MAC address passes', to4({ link: { destination: '02:00:00:00:00:99' } })),
  pass('a broadcast passes', to4({ link: { destination: 'ff:ff:ff:ff:ff:ff' } })),
  pass('an IPv4 VIP in an IPv6 header is not the VIP', to6({ ip: { destination: '::ffff:203.0.113.10' } })),
  pass('the IPv6 service is none over IPv4', to4({ ip: { destination: '0.0.0.0' } })),
  pass('a frame with a VLAN tag passes', to4({ link: { vlans: [{ id: 7 }] } }), 'passVlan'),
  pass(
    'a frame with two tags passes',
    to4({ link: { vlans: [{ id: 7, type: 0x88a8 }, { id: 8 }] } }),
    'passVlan',
  ),
  pass(
    'options to another address pass',
    to4({ ip: { destination: '192.0.2.1', options: new Uint8Array(4) } }),
  ),
  pass('fragments to another address pass', to4({ ip: { destination: '192.0.2.1', fragmentOffset: 8 } })),
  pass('ESP over IPv6 to the VIP passes', to6({ ip: { protocol: IpProtocol.Esp } })),
];

/** Nobody can say whose it is: the kernel drops it. */
const unknown: readonly PacketCase[] = [
  pass('an IPv4 header that is cut off passes', to4().slice(0, 33), 'passMalformed'),
  pass('an IPv6 header that is cut off passes', to6().slice(0, 53), 'passMalformed'),
  pass('nothing behind the Ethernet header passes', to4().slice(0, 14), 'passMalformed'),
  pass('version 5 passes', changed(to4(), 14, 0x55), 'passMalformed'),
  pass('an IPv4 header of 16 bytes passes', changed(to4(), 14, 0x44), 'passMalformed'),
  pass('version 4 under the EtherType of IPv6 passes', changed(to6(), 14, 0x45), 'passMalformed'),
];

/** For a VIP, but not to be forwarded. */
const refused: readonly PacketCase[] = [
  drop('IP options are dropped', to4({ ip: { options: new Uint8Array(4) } }), 'dropOptions'),
  drop('the longest IP options are dropped', to4({ ip: { options: new Uint8Array(40) } }), 'dropOptions'),
  drop('hop-by-hop options are dropped', extension(IpProtocol.HopByHop), 'dropOptions'),
  drop('a routing header is dropped', extension(IpProtocol.Routing), 'dropOptions'),
  drop('destination options are dropped', extension(IpProtocol.DestinationOptions), 'dropOptions'),
  drop('a first fragment is dropped', to4({ ip: { moreFragments: true } }), 'dropFragment'),
  drop('a later fragment is dropped', to4({ ip: { fragmentOffset: 1_480 } }), 'dropFragment'),
  drop('an IPv6 fragment is dropped', fragment6(1), 'dropFragment'),
  drop('an atomic IPv6 fragment is dropped', fragment6(0), 'dropFragment'),
  drop('a cut off TCP header is dropped', to4().slice(0, 53), 'dropMalformed'),
  drop('a cut off TCP header over IPv6 is dropped', to6().slice(0, 73), 'dropMalformed'),
  drop('a packet longer than its frame is dropped', to4({ ip: { totalLength: 41 } }), 'dropMalformed'),
  drop('a packet shorter than its headers is dropped', to4({ ip: { totalLength: 39 } }), 'dropMalformed'),
  drop(
    'an IPv6 payload longer than its frame is dropped',
    to6({ ip: { payloadLength: 21 } }),
    'dropMalformed',
  ),
  drop('an IPv6 payload of 0 (a jumbogram) is dropped', to6({ ip: { payloadLength: 0 } }), 'dropMalformed'),
  drop('a TCP header of 16 bytes is dropped', to4({ tcp: { headerLength: 16 } }), 'dropMalformed'),
  drop(
    'a TCP header longer than its packet is dropped',
    to4({ tcp: { flags: Ack, headerLength: 24 } }),
    'dropMalformed',
  ),
];

export const strangeCases: readonly PacketCase[] = [...notOurs, ...unknown, ...refused];
