import { arpLayout, EtherType } from './layouts.ts';
import { malformed, truncated, type Malformed } from './malformed.ts';

/** ARP for IPv4 on Ethernet. */
export interface Arp {
  readonly kind: 'arp';
  /** 1 request, 2 reply. */
  readonly operation: number;
  readonly senderMac: Uint8Array;
  readonly senderIp: Uint8Array;
  readonly targetMac: Uint8Array;
  readonly targetIp: Uint8Array;
}

/** Reads an ARP packet; others than IPv4 on Ethernet are malformed to us. */
export function parseArp(bytes: Uint8Array, offset = 0, end = bytes.length): Arp | Malformed {
  const short = truncated('arp', offset, end, arpLayout.size);
  if (short !== undefined) return short;
  const { hardwareType, protocolType, hardwareBytes, protocolBytes, ...rest } = arpLayout.read(bytes, offset);
  if (hardwareType !== 1 || hardwareBytes !== 6)
    return malformed('arp', offset, 'the hardware is not Ethernet');
  if (protocolType !== EtherType.Ipv4 || protocolBytes !== 4) {
    return malformed('arp', offset + arpLayout.offsetOf('protocolType'), 'the protocol is not IPv4');
  }
  return { kind: 'arp', ...rest };
}
