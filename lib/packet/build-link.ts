import { ipBytes, macBytes, type IpLike, type MacLike } from './addresses.ts';
import type { VlanTag } from './ethernet.ts';
import { arpLayout, EtherType, ethernetLayout, vlanLayout } from './layouts.ts';

export interface EthernetFields {
  readonly source: MacLike;
  readonly destination: MacLike;
  /** Outermost first. Defaults per tag: type 0x8100, priority 0, not drop eligible. */
  readonly vlans?: readonly (Partial<VlanTag> & Pick<VlanTag, 'id'>)[];
  readonly etherType: number;
}

/**
 * A frame around `payload`. Not padded to the 60 bytes of the wire. Throws RangeError for a wrong address.
 */
export function buildEthernet(fields: EthernetFields, payload: Uint8Array): Uint8Array {
  const { vlans = [] } = fields;
  const frame = new Uint8Array(ethernetLayout.size + vlans.length * vlanLayout.size + payload.length);
  const types = [...vlans.map((tag) => tag.type ?? EtherType.Vlan), fields.etherType];
  ethernetLayout.write(frame, {
    destination: macBytes(fields.destination),
    source: macBytes(fields.source),
    etherType: types[0] ?? fields.etherType,
  });
  let at = ethernetLayout.size;
  for (const [index, { id, priority = 0, dropEligible = false }] of vlans.entries()) {
    const control = (priority << 13) | (dropEligible ? 0x1000 : 0) | id;
    vlanLayout.write(frame, { control, etherType: types[index + 1] ?? fields.etherType }, at);
    at += vlanLayout.size;
  }
  frame.set(payload, at);
  return frame;
}

export interface ArpFields {
  /** 1 request, 2 reply. */
  readonly operation: number;
  readonly senderMac: MacLike;
  readonly senderIp: IpLike;
  readonly targetMac: MacLike;
  readonly targetIp: IpLike;
}

/** An ARP packet for IPv4 on Ethernet. Throws RangeError for a wrong address. */
export function buildArp(fields: ArpFields): Uint8Array {
  return arpLayout.encode({
    hardwareType: 1,
    protocolType: EtherType.Ipv4,
    hardwareBytes: 6,
    protocolBytes: 4,
    operation: fields.operation,
    senderMac: macBytes(fields.senderMac),
    senderIp: ipBytes(fields.senderIp),
    targetMac: macBytes(fields.targetMac),
    targetIp: ipBytes(fields.targetIp),
  });
}
