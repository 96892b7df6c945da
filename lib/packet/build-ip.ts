import { ipBytes, type IpLike } from './addresses.ts';
import { checksum } from './checksum.ts';
import { ipv4Layout, ipv6Layout } from './layouts.ts';

interface CommonFields {
  readonly source: IpLike;
  readonly destination: IpLike;
  readonly protocol: number;
}

/** What is given wins over what would be right, so that wrong packets can be built too. */
export interface Ipv4Fields extends CommonFields {
  readonly tos?: number;
  readonly id?: number;
  readonly dontFragment?: boolean;
  readonly moreFragments?: boolean;
  /** In bytes, a multiple of 8. */
  readonly fragmentOffset?: number;
  /** Default 64. */
  readonly ttl?: number;
  /** Padded with zeros to a multiple of 4; at most 40 bytes. */
  readonly options?: Uint8Array;
  readonly totalLength?: number;
  /** Bytes; written as its quarter. */
  readonly headerLength?: number;
  readonly checksum?: number;
}

export interface Ipv6Fields extends CommonFields {
  readonly trafficClass?: number;
  readonly flowLabel?: number;
  /** Default 64. */
  readonly hopLimit?: number;
  /**
   * Extension headers in order: their bytes without the first one, which names the next header. Lengths are
   * the builder's caller's business.
   */
  readonly extensions?: readonly { readonly type: number; readonly rest: Uint8Array }[];
  readonly payloadLength?: number;
}

/** The version is that of the addresses. */
export type IpFields = Ipv4Fields | Ipv6Fields;

/**
 * An IP packet around `payload`. Throws RangeError for wrong or mixed addresses and for options that are too
 * long.
 */
export function buildIp(fields: IpFields, payload: Uint8Array): Uint8Array {
  const source = ipBytes(fields.source);
  const destination = ipBytes(fields.destination);
  if (source.length !== destination.length) throw new RangeError('the addresses are of two IP versions');
  return source.length === 4
    ? buildIpv4(fields, source, destination, payload)
    : buildIpv6(fields, source, destination, payload);
}

function buildIpv4(
  fields: Ipv4Fields,
  source: Uint8Array,
  destination: Uint8Array,
  payload: Uint8Array,
): Uint8Array {
  const { options = new Uint8Array(0) } = fields;
  if (options.length > 40) throw new RangeError(`${options.length} bytes of IPv4 options are too long`);
  const headerBytes = ipv4Layout.size + Math.ceil(options.length / 4) * 4;
  const packet = new Uint8Array(headerBytes + payload.length);
  const flags = (fields.dontFragment === true ? 0x4000 : 0) | (fields.moreFragments === true ? 0x2000 : 0);
  ipv4Layout.write(packet, {
    versionAndLength: 0x40 | ((fields.headerLength ?? headerBytes) / 4),
    tos: fields.tos ?? 0,
    totalLength: fields.totalLength ?? packet.length,
    id: fields.id ?? 0,
    flagsAndFragment: flags | ((fields.fragmentOffset ?? 0) / 8),
    ttl: fields.ttl ?? 64,
    protocol: fields.protocol,
    source,
    destination,
  });
  packet.set(options, ipv4Layout.size);
  ipv4Layout.set(packet, 'checksum', fields.checksum ?? checksum(packet, 0, headerBytes));
  packet.set(payload, headerBytes);
  return packet;
}

function buildIpv6(
  fields: Ipv6Fields,
  source: Uint8Array,
  destination: Uint8Array,
  payload: Uint8Array,
): Uint8Array {
  const { extensions = [] } = fields;
  const types = [...extensions.map(({ type }) => type), fields.protocol];
  const parts = extensions.map(({ rest }, index) =>
    Uint8Array.of(types[index + 1] ?? fields.protocol, ...rest),
  );
  const body = Buffer.concat([...parts, payload]);
  const header = ipv6Layout.encode({
    versionClassLabel: (0x6000_0000 | ((fields.trafficClass ?? 0) << 20) | (fields.flowLabel ?? 0)) >>> 0,
    payloadLength: fields.payloadLength ?? body.length,
    nextHeader: types[0] ?? fields.protocol,
    hopLimit: fields.hopLimit ?? 64,
    source,
    destination,
  });
  return Uint8Array.from([...header, ...body]);
}
