import { EtherType, ethernetLayout, vlanLayout } from './layouts.ts';
import { truncated, type Malformed } from './malformed.ts';

export interface VlanTag {
  /** EtherType of the tag: 0x8100 or 0x88a8. */
  readonly type: number;
  readonly priority: number;
  readonly dropEligible: boolean;
  /** 0 to 4095. */
  readonly id: number;
}

export interface Ethernet {
  readonly kind: 'ethernet';
  readonly destination: Uint8Array;
  readonly source: Uint8Array;
  /** Outermost first. */
  readonly vlans: readonly VlanTag[];
  /** Type of the payload, behind the tags. Below 1536 it is the length of an 802.3 frame. */
  readonly etherType: number;
  readonly payloadOffset: number;
}

/** Reads an Ethernet header and its VLAN tags. */
export function parseEthernet(bytes: Uint8Array, offset = 0, end = bytes.length): Ethernet | Malformed {
  const short = truncated('ethernet', offset, end, ethernetLayout.size);
  if (short !== undefined) return short;
  const { destination, source, etherType: outerType } = ethernetLayout.read(bytes, offset);
  const vlans: VlanTag[] = [];
  let etherType = outerType;
  let at = offset + ethernetLayout.size;
  while (etherType === EtherType.Vlan || etherType === EtherType.ServiceVlan) {
    const shortTag = truncated('vlan', at, end, vlanLayout.size);
    if (shortTag !== undefined) return shortTag;
    const tag = vlanLayout.read(bytes, at);
    vlans.push({
      type: etherType,
      priority: tag.control >> 13,
      dropEligible: (tag.control & 0x1000) !== 0,
      id: tag.control & 0x0fff,
    });
    etherType = tag.etherType;
    at += vlanLayout.size;
  }
  return { kind: 'ethernet', destination, source, vlans, etherType, payloadOffset: at };
}
