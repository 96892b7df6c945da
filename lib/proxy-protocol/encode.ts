import { addressBytes, addressFamily, type Endpoint } from '../address/index.ts';
import { addressBlockBytes, command, family, protocol, signature, v2, version2 } from './layout.ts';

export type ProxyVersion = 'v1' | 'v2';

/**
 * The header that tells `source` and `destination` of a TCP connection. When one is IPv4 and the other IPv6, both are
 * written as IPv6, the IPv4 one v4-mapped.
 */
export function encodeProxyHeader(version: ProxyVersion, source: Endpoint, destination: Endpoint): Buffer {
  const four = addressFamily(source.host) === 4 && addressFamily(destination.host) === 4;
  return version === 'v1' ? encodeV1(four, source, destination) : encodeV2(four, source, destination);
}

/** The header of a connection the proxy makes for itself: LOCAL in version 2, UNKNOWN in version 1. */
export function encodeLocalHeader(version: ProxyVersion): Buffer {
  if (version === 'v1') return Buffer.from('PROXY UNKNOWN\r\n', 'latin1');
  return fixedPart(command.local, family.unspec, protocol.unspec, 0);
}

function encodeV1(four: boolean, source: Endpoint, destination: Endpoint): Buffer {
  const hosts = [source, destination].map(({ host }) =>
    four || addressFamily(host) === 6 ? host : `::ffff:${host}`,
  );
  const name = four ? 'TCP4' : 'TCP6';
  return Buffer.from(`PROXY ${name} ${hosts.join(' ')} ${source.port} ${destination.port}\r\n`, 'latin1');
}

function encodeV2(four: boolean, source: Endpoint, destination: Endpoint): Buffer {
  const kind = four ? family.inet : family.inet6;
  const header = fixedPart(command.proxy, kind, protocol.stream, addressBlockBytes[kind]!);
  let at: number = v2.bytes;
  for (const { host } of [source, destination]) {
    const bytes = addressBytes(host);
    const written = four ? bytes.subarray(12) : bytes;
    header.set(written, at);
    at += written.length;
  }
  at = header.writeUInt16BE(source.port, at);
  header.writeUInt16BE(destination.port, at);
  return header;
}

function fixedPart(verb: number, kind: number, transport: number, payloadBytes: number): Buffer {
  const header = Buffer.alloc(v2.bytes + payloadBytes);
  header.set(signature);
  header[v2.versionCommand] = (version2 << 4) | verb;
  header[v2.familyProtocol] = (kind << 4) | transport;
  header.writeUInt16BE(payloadBytes, v2.length);
  return header;
}
