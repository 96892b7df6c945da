import { ipBytes } from './addresses.ts';
import { buildEthernet, type EthernetFields } from './build-link.ts';
import { buildIp, type IpFields } from './build-ip.ts';
import {
  buildIcmp,
  buildTcp,
  buildUdp,
  type IcmpFields,
  type TcpFields,
  type UdpFields,
} from './build-transport.ts';
import { EtherType, IpProtocol } from './layouts.ts';

/** A whole packet. With `ethernet` a frame, else an IP packet. At most one of `tcp`, `udp` and `icmp`. */
export interface PacketFields {
  readonly ethernet?: Omit<EthernetFields, 'etherType'> & Partial<Pick<EthernetFields, 'etherType'>>;
  /** `protocol` defaults to that of the transport header, or "no next header". */
  readonly ip: DistributiveOptional<IpFields>;
  readonly tcp?: TcpFields;
  readonly udp?: UdpFields;
  readonly icmp?: IcmpFields;
  readonly payload?: Uint8Array;
}

type DistributiveOptional<Fields> = Fields extends IpFields
  ? Omit<Fields, 'protocol'> & { readonly protocol?: number }
  : never;

/**
 * Builds a packet with right lengths and checksums, except where a field says otherwise. Throws RangeError as
 * the parts do.
 */
export function buildPacket(fields: PacketFields): Uint8Array {
  const { payload = new Uint8Array(0), tcp, udp, icmp } = fields;
  const addresses = { source: ipBytes(fields.ip.source), destination: ipBytes(fields.ip.destination) };
  const isV4 = addresses.source.length === 4;
  let body = payload;
  let protocol: number = IpProtocol.NoNext;
  if (tcp !== undefined) {
    body = buildTcp(tcp, payload, addresses);
    protocol = IpProtocol.Tcp;
  } else if (udp !== undefined) {
    body = buildUdp(udp, payload, addresses);
    protocol = IpProtocol.Udp;
  } else if (icmp !== undefined) {
    body = buildIcmp(icmp, payload, addresses);
    protocol = isV4 ? IpProtocol.Icmp : IpProtocol.Icmpv6;
  }
  const packet = buildIp({ protocol, ...fields.ip, ...addresses }, body);
  if (fields.ethernet === undefined) return packet;
  return buildEthernet({ etherType: isV4 ? EtherType.Ipv4 : EtherType.Ipv6, ...fields.ethernet }, packet);
}
