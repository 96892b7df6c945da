import { formatIp, formatMac } from './addresses.ts';
import { checksum, transportChecksum } from './checksum.ts';
import type { Ipv4 } from './ipv4.ts';
import type { Ipv6 } from './ipv6.ts';
import { EtherType, IpProtocol, TcpFlag } from './layouts.ts';
import { parseFrame, parseIp, type IpPacket, type Transport } from './parse.ts';

/** One line about a frame, for failing tests and debug logs. Never throws. */
export function describeFrame(bytes: Uint8Array): string {
  const { ethernet, arp, ...packet } = parseFrame(bytes);
  if (ethernet === undefined) return ipText(bytes, packet);
  const tags = ethernet.vlans.map(({ id }) => ` vlan ${id}`).join('');
  const link = `${formatMac(ethernet.source)} > ${formatMac(ethernet.destination)}${tags}`;
  if (arp !== undefined) {
    const verb = arp.operation === 1 ? 'who has' : `op ${arp.operation}`;
    return `${link} arp ${verb} ${formatIp(arp.targetIp)} tell ${formatIp(arp.senderIp)} (${formatMac(arp.senderMac)})`;
  }
  const isIp = ethernet.etherType === EtherType.Ipv4 || ethernet.etherType === EtherType.Ipv6;
  if (!isIp && packet.malformed === undefined) return `${link} type 0x${ethernet.etherType.toString(16)}`;
  return `${link} ${ipText(bytes, packet)}`;
}

/** One line about an IP packet. Never throws. */
export function describeIp(bytes: Uint8Array): string {
  return ipText(bytes, parseIp(bytes));
}

function ipText(bytes: Uint8Array, packet: IpPacket): string {
  const { ip, ports, transport, inner, malformed } = packet;
  const parts: string[] = [];
  if (ip !== undefined) parts.push(headerText(bytes, ip));
  if (ip !== undefined && transport !== undefined) parts.push(transportText(bytes, ip, transport));
  else if (ports !== undefined) parts.push(`ports ${ports.source} > ${ports.destination}`);
  if (inner !== undefined) parts.push(`{ ${ipText(bytes, inner)} }`);
  // An inner fault has been told by the inner packet.
  if (malformed !== undefined && inner === undefined) {
    parts.push(`malformed ${malformed.layer} at ${malformed.offset}: ${malformed.reason}`);
  }
  return parts.join(' ');
}

function headerText(bytes: Uint8Array, ip: Ipv4 | Ipv6): string {
  const hops = ip.kind === 'ipv4' ? ip.ttl : ip.hopLimit;
  const wrong =
    ip.kind === 'ipv4' && checksum(bytes, ip.offset, ip.payloadOffset) !== 0 ? ' bad header checksum' : '';
  const options = ip.kind === 'ipv4' && ip.options.length > 0 ? ` options ${ip.options.length}` : '';
  const extensions = ip.kind === 'ipv6' ? ip.extensions.map(({ type }) => ` ext ${type}`).join('') : '';
  const fragment =
    ip.moreFragments || ip.fragmentOffset > 0
      ? ` frag ${ip.fragmentOffset}${ip.moreFragments ? '+' : ''}`
      : '';
  const known: readonly number[] = [IpProtocol.Tcp, IpProtocol.Udp, IpProtocol.Icmp, IpProtocol.Icmpv6];
  const protocol = known.includes(ip.protocol) ? '' : ` proto ${ip.protocol}`;
  return `${ip.kind} ${formatIp(ip.source)} > ${formatIp(ip.destination)} ttl ${hops}${options}${extensions}${fragment}${protocol}${wrong}`;
}

function transportText(bytes: Uint8Array, ip: Ipv4 | Ipv6, transport: Transport): string {
  const length = transport.payloadEnd - transport.payloadOffset;
  switch (transport.kind) {
    case 'tcp': {
      const flags = Object.entries(TcpFlag).filter(([, bit]) => (transport.flags & bit) !== 0);
      const names = flags.map(([name]) => name.toLowerCase()).join(' ');
      const { sourcePort, destinationPort, sequence, acknowledgment, window } = transport;
      return `tcp ${sourcePort} > ${destinationPort} [${names}] seq ${sequence} ack ${acknowledgment} win ${window} len ${length}${verdict(bytes, ip, transport)}`;
    }
    case 'udp':
      return `udp ${transport.sourcePort} > ${transport.destinationPort} len ${length}${verdict(bytes, ip, transport)}`;
    default: {
      const { kind, type, code, echo, mtu, quoted } = transport;
      const extra = echo === undefined ? '' : ` id ${echo.identifier} seq ${echo.sequence}`;
      const about = quoted === undefined ? '' : ` about { ${ipText(bytes, quoted)} }`;
      return `${kind} type ${type} code ${code}${extra}${mtu === undefined ? '' : ` mtu ${mtu}`} len ${length}${about}${verdict(bytes, ip, transport)}`;
    }
  }
}

/** Nothing when the checksum is right or cannot be known. */
function verdict(bytes: Uint8Array, ip: Ipv4 | Ipv6, transport: Transport): string {
  const whole = !ip.moreFragments && ip.fragmentOffset === 0;
  const missing = ip.payloadEnd > bytes.length || (transport.kind === 'udp' && transport.checksum === 0);
  const quoted = ip.kind === 'ipv4' ? ip.totalLength > ip.payloadEnd - ip.offset : false;
  if (!whole || missing || quoted) return '';
  const sum =
    transport.kind === 'icmp'
      ? checksum(bytes, transport.offset, transport.payloadEnd)
      : transportChecksum(ip, ip.protocol, bytes, transport.offset, transport.payloadEnd);
  return sum === 0 ? '' : ' bad checksum';
}
