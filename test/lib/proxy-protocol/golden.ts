import type { ProxiedAddresses } from '../../../lib/proxy-protocol/index.ts';

/** A header as bytes, and what it says. */
export interface Golden {
  readonly what: string;
  readonly version: 'v1' | 'v2';
  readonly bytes: Buffer;
  readonly proxied: ProxiedAddresses | null;
  /** Whether our encoder writes exactly this. */
  readonly encoded: boolean;
}

const signature = '0d0a0d0a000d0a515549540a';
const four = {
  source: { host: '192.168.0.1', port: 56_324 },
  destination: { host: '192.168.0.11', port: 443 },
};
const six = { source: { host: '2001:db8::1', port: 1 }, destination: { host: '2001:db8::2', port: 65_535 } };
const fourBytes = `c0a80001 c0a8000b dc04 01bb`;
const sixBytes = '20010db8000000000000000000000001 20010db8000000000000000000000002 0001 ffff';

export const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const line = (text: string): Buffer => Buffer.from(text, 'latin1');
const longest = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';

/** Sections 2.1 and 2.2 of the specification, field by field. */
export const goldens: readonly Golden[] = [
  {
    what: "the specification's example line",
    version: 'v1',
    bytes: line('PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n'),
    proxied: four,
    encoded: true,
  },
  {
    what: 'the longest TCP4 line, 56 bytes',
    version: 'v1',
    bytes: line('PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n'),
    proxied: {
      source: { host: '255.255.255.255', port: 65_535 },
      destination: { host: '255.255.255.255', port: 65_535 },
    },
    encoded: true,
  },
  {
    what: 'the longest TCP6 line, 104 bytes',
    version: 'v1',
    bytes: line(`PROXY TCP6 ${longest} ${longest} 65535 65535\r\n`),
    proxied: { source: { host: longest, port: 65_535 }, destination: { host: longest, port: 65_535 } },
    encoded: true,
  },
  {
    what: 'a TCP6 line in capitals with an IPv4-mapped address',
    version: 'v1',
    bytes: line('PROXY TCP6 2001:DB8::1 ::FFFF:192.0.2.1 1 2\r\n'),
    proxied: { source: { host: '2001:db8::1', port: 1 }, destination: { host: '192.0.2.1', port: 2 } },
    encoded: false,
  },
  {
    what: 'the short UNKNOWN line',
    version: 'v1',
    bytes: line('PROXY UNKNOWN\r\n'),
    proxied: null,
    encoded: false,
  },
  {
    what: 'the longest UNKNOWN line, 107 bytes',
    version: 'v1',
    bytes: line(`PROXY UNKNOWN ${longest} ${longest} 65535 65535\r\n`),
    proxied: null,
    encoded: false,
  },
  {
    what: 'PROXY, TCP over IPv4',
    version: 'v2',
    // version 2, command PROXY | AF_INET, STREAM | 12 bytes follow
    bytes: hex(`${signature} 21 11 000c ${fourBytes}`),
    proxied: four,
    encoded: true,
  },
  {
    what: 'PROXY, TCP over IPv6',
    version: 'v2',
    // AF_INET6, STREAM | 36 bytes follow
    bytes: hex(`${signature} 21 21 0024 ${sixBytes}`),
    proxied: six,
    encoded: true,
  },
  {
    what: 'LOCAL without addresses',
    version: 'v2',
    bytes: hex(`${signature} 20 00 0000`),
    proxied: null,
    encoded: false,
  },
  {
    what: 'LOCAL with addresses, a family nobody knows and garbage, all to be skipped',
    version: 'v2',
    bytes: hex(`${signature} 20 ff 0005 0102030405`),
    proxied: null,
    encoded: false,
  },
  {
    what: 'PROXY, family and protocol unspecified',
    version: 'v2',
    bytes: hex(`${signature} 21 00 0003 aabbcc`),
    proxied: null,
    encoded: false,
  },
  {
    what: 'PROXY, UDP over IPv4, which no TCP client is',
    version: 'v2',
    bytes: hex(`${signature} 21 12 000c ${fourBytes}`),
    proxied: null,
    encoded: false,
  },
  {
    what: 'PROXY, AF_UNIX stream: two paths of 108 bytes',
    version: 'v2',
    bytes: hex(`${signature} 21 31 00d8 ${'2f'.repeat(216)}`),
    proxied: null,
    encoded: false,
  },
  {
    what: 'PROXY, IPv4, with ALPN "h2", padding and a vector of a type of our own',
    version: 'v2',
    bytes: hex(`${signature} 21 11 0019 ${fourBytes} 01 0002 6832  04 0001 00  e0 0001 ff`),
    proxied: four,
    encoded: false,
  },
  {
    what: 'PROXY, IPv4, with its CRC32C',
    version: 'v2',
    bytes: hex(`${signature} 21 11 0013 ${fourBytes} 03 0004 1c1ae9c6`),
    proxied: four,
    encoded: false,
  },
];
