/** IP addresses and endpoints: parse, print, compare. Built on ipaddr.js. */
import ipaddr from 'ipaddr.js';

/** An IP address and a TCP port. `host` is canonical text (IPv4 dotted, IPv6 RFC 5952), never a name. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Canonical text of an IP address (IPv4-mapped IPv6 becomes IPv4), or undefined when `text` is not one. */
export function canonicalAddress(text: string): string | undefined {
  // ipaddr.js also takes legacy forms (0x7f.1, 127.1); only the four-part decimal form is an address here.
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return text;
  if (!text.includes(':') || text.includes('%') || !ipaddr.IPv6.isValid(text)) return undefined;
  const address = ipaddr.IPv6.parse(text);
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String();
}

/** 4 or 6, of a canonical address. */
export function addressFamily(host: string): 4 | 6 {
  return host.includes(':') ? 6 : 4;
}

/** The 16 bytes of an address, IPv4 as v4-mapped (RFC 4291 2.5.5.2). `host` must be an IP address. */
export function addressBytes(host: string): Uint8Array {
  return fourPartBytes(host) ?? parsedBytes(host);
}

/** ::ffff:0:0, to which the four bytes of an IPv4 address are added. */
const mappedBytes = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0]);
const mappedParts = 12;
const [zero, nine, dot] = [0x30, 0x39, 0x2e];

/** Of canonical IPv4 text, a tenth of what parsing costs: balancers need it for each client. */
function fourPartBytes(host: string): Uint8Array | undefined {
  const bytes = mappedBytes.slice();
  let part = mappedParts;
  let value = -1;
  for (let at = 0; at < host.length; at++) {
    const letter = host.charCodeAt(at);
    if (letter === dot) {
      if (value < 0 || part === bytes.length - 1) return undefined;
      bytes[part++] = value;
      value = -1;
    } else if (letter < zero || letter > nine || value === 0) {
      return undefined;
    } else {
      value = Math.max(value, 0) * 10 + letter - zero;
      if (value > 255) return undefined;
    }
  }
  if (value < 0 || part !== bytes.length - 1) return undefined;
  bytes[part] = value;
  return bytes;
}

function parsedBytes(host: string): Uint8Array {
  const address = ipaddr.parse(host);
  return Uint8Array.from(
    address instanceof ipaddr.IPv4 ? address.toIPv4MappedAddress().toByteArray() : address.toByteArray(),
  );
}

/** Canonical text of the 16 bytes at `at`, the inverse of addressBytes(). */
export function addressText(bytes: Uint8Array, at = 0): string {
  if (isMapped(bytes, at)) return `${bytes[at + 12]}.${bytes[at + 13]}.${bytes[at + 14]}.${bytes[at + 15]}`;
  return new ipaddr.IPv6([...bytes.subarray(at, at + 16)]).toRFC5952String();
}

function isMapped(bytes: Uint8Array, at: number): boolean {
  for (let byte = 0; byte < 10; byte++) if (bytes[at + byte] !== 0) return false;
  return bytes[at + 10] === 0xff && bytes[at + 11] === 0xff;
}

/** `host:port`, IPv6 in brackets. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Reads `10.0.0.1:80` or `[2001:db8::1]:80`; undefined when it is neither, or the port is not 1 to 65535. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const host = canonicalAddress(match[1] ?? match[2] ?? '');
  const port = Number(match[3]);
  if (host === undefined || (match[1] !== undefined) !== host.includes(':')) return undefined;
  return port >= 1 && port <= 65_535 ? { host, port } : undefined;
}

/** Whether two endpoints are the same address and port. */
export function sameEndpoint(one: Endpoint, other: Endpoint): boolean {
  return one.port === other.port && one.host === other.host;
}

/** Whether nobody can listen at both at once: one port, and one address or every address. */
export function endpointsOverlap(one: Endpoint, other: Endpoint): boolean {
  const any = (host: string): boolean => host === '0.0.0.0' || host === '::';
  return one.port === other.port && (one.host === other.host || any(one.host) || any(other.host));
}

/** What an address is good for. `wildcard` is 0.0.0.0 or ::, `host` is an address of one machine. */
export type AddressKind = 'host' | 'loopback' | 'wildcard' | 'multicast' | 'broadcast' | 'link-local';

/** The kind of a canonical address (RFC 6890); IPv4 link-local counts as `host`, because it needs no interface name. */
export function addressKind(host: string): AddressKind {
  switch (ipaddr.parse(host).range()) {
    case 'unspecified':
      return 'wildcard';
    case 'loopback':
      return 'loopback';
    case 'multicast':
      return 'multicast';
    case 'broadcast':
      return 'broadcast';
    case 'linkLocal':
      return host.includes(':') ? 'link-local' : 'host';
    default:
      return 'host';
  }
}
