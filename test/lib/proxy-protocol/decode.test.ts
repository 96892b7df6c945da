import test from 'ava';
import fc from 'fast-check';
import {
  decodeProxyHeader,
  encodeProxyHeader,
  maxHeaderBytes,
  type AcceptedVersion,
} from '../../../lib/proxy-protocol/index.ts';
import { goldens, hex, type Golden } from './golden.ts';

const versions: readonly AcceptedVersion[] = ['v1', 'v2', 'any'];
const signature = '0d0a0d0a000d0a515549540a';

const decodes = test.macro<[Golden]>({
  title: (_, { what, version }) => `${version}: reads ${what}, and every beginning of it wants more`,
  exec(t, { bytes, proxied, version }) {
    const other = version === 'v1' ? 'v2' : 'v1';
    const withPayload = Buffer.concat([bytes, Buffer.from('GET / HTTP/1.1\r\n')]);
    for (const accept of [version, 'any'] as const) {
      t.deepEqual(decodeProxyHeader(withPayload, accept), { kind: 'ok', headerBytes: bytes.length, proxied });
      for (let length = 0; length < bytes.length; length++) {
        t.deepEqual(decodeProxyHeader(bytes.subarray(0, length), accept), { kind: 'more' });
      }
    }
    t.is(decodeProxyHeader(bytes, other).kind, 'invalid');
  },
});
for (const golden of goldens) test(decodes, golden);

const refuses = test.macro<[string, AcceptedVersion, string, Buffer]>({
  title: (_, what, version) => `${version}: refuses ${what}`,
  exec(t, _what, version, reason, bytes) {
    t.deepEqual(decodeProxyHeader(bytes, version), {
      kind: 'invalid',
      reason: `PROXY ${version}: ${reason}`,
    });
  },
});

const address = 'an address or port is wrong';
const v1Refusals: readonly [string, string, string][] = [
  ['another protocol at its first byte', 'it does not begin with "PROXY "', 'G'],
  ['small letters', 'it does not begin with "PROXY "', 'proxy TCP4'],
  ['a line ended by LF', 'a line feed without a carriage return', 'PROXY UNKNOWN\n'],
  ['a line ended by CR', 'a carriage return without a line feed', 'PROXY UNKNOWN\rx'],
  ['a line without end', 'no end of line in 107 bytes', `PROXY UNKNOWN ${'x'.repeat(93)}`],
  ['a line of 108 bytes', 'no end of line in 107 bytes', `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`],
  [
    'another protocol name',
    'the protocol is not TCP4, TCP6 or UNKNOWN',
    'PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n',
  ],
  ['two spaces', 'the line does not have six fields', 'PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n'],
  ['a field too few', 'the line does not have six fields', 'PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n'],
  ['a field too many', 'the line does not have six fields', 'PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n'],
  ['IPv6 in TCP4', address, 'PROXY TCP4 ::1 ::1 1 2\r\n'],
  ['IPv4 in TCP6', address, 'PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n'],
  ['a heading zero in an address', address, 'PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n'],
  ['an address out of range', address, 'PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n'],
  ['a heading zero in a port', address, 'PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n'],
  ['a port out of range', address, 'PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n'],
  ['a port with a sign', address, 'PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n'],
];
for (const [what, reason, text] of v1Refusals) test(refuses, what, 'v1', reason, Buffer.from(text, 'latin1'));

const four = 'c0a80001 c0a8000b dc04 01bb';
const v2Refusals: readonly [string, string, string][] = [
  ['a wrong signature at its first wrong byte', 'it does not begin with the signature', '0d0a0d0a01'],
  ['version 1', 'the version is not 2', `${signature} 11`],
  ['an unknown command', 'the command is not LOCAL or PROXY', `${signature} 22`],
  ['an unknown family', 'the address family or protocol is unknown', `${signature} 21 41`],
  ['an unknown protocol', 'the address family or protocol is unknown', `${signature} 21 13`],
  ['a length beyond all reason', 'it is longer than 4096 bytes', `${signature} 21 11 1001`],
  ['addresses cut short', 'it is too short for its addresses', `${signature} 21 11 000b`],
  ['a vector without its length', 'a vector runs past the end', `${signature} 21 11 000e ${four} 0400`],
  [
    'a vector longer than the header',
    'a vector runs past the end',
    `${signature} 21 11 0010 ${four} 04000200`,
  ],
  [
    'a checksum of three bytes',
    'the checksum does not have four bytes',
    `${signature} 21 11 0012 ${four} 030003aabbcc`,
  ],
  ['a wrong checksum', 'the checksum is wrong', `${signature} 21 11 0013 ${four} 03000400000000`],
];
for (const [what, reason, text] of v2Refusals) test(refuses, what, 'v2', reason, hex(text));

const port = fc.integer({ min: 0, max: 65_535 });
const ipv4 = fc.record({ host: fc.ipV4(), port });
const ipv6 = fc.record({
  // A group that is neither zero nor part of an IPv4-mapped address keeps the canonical text predictable.
  host: fc
    .array(fc.integer({ min: 1, max: 0xffff }), { minLength: 8, maxLength: 8 })
    .map((groups) => groups.map((group) => group.toString(16)).join(':')),
  port,
});

test('what is encoded is decoded, IPv4, IPv6 and mixed', (t) => {
  const endpoint = fc.oneof(ipv4, ipv6);
  fc.assert(
    fc.property(
      fc.constantFrom('v1' as const, 'v2' as const),
      endpoint,
      endpoint,
      (version, source, destination) => {
        const bytes = encodeProxyHeader(version, source, destination);
        const proxied = { source, destination };
        t.deepEqual(decodeProxyHeader(bytes, 'any'), { kind: 'ok', headerBytes: bytes.length, proxied });
      },
    ),
  );
});

test('bytes of any kind get an answer, and never a wish for more than the longest header', (t) => {
  const head = fc.constantFrom(
    ...goldens.map(({ bytes }) => bytes),
    Buffer.from('PROXY '),
    hex(signature),
    Buffer.alloc(0),
  );
  const cut = fc.nat({ max: 60 });
  fc.assert(
    fc.property(
      fc.constantFrom(...versions),
      head,
      cut,
      fc.uint8Array({ maxLength: 300 }),
      (accept, known, keep, noise) => {
        const bytes = Buffer.concat([known.subarray(0, keep), noise]);
        const decoded = decodeProxyHeader(bytes, accept);
        if (decoded.kind === 'ok') t.true(decoded.headerBytes <= bytes.length);
        if (decoded.kind === 'invalid') {
          // What was refused once stays refused, whatever follows.
          t.is(decodeProxyHeader(Buffer.concat([bytes, noise]), accept).kind, 'invalid');
        }
        const long = Buffer.concat([bytes, Buffer.alloc(maxHeaderBytes)]);
        t.not(decodeProxyHeader(long, accept).kind, 'more');
      },
    ),
    { numRuns: 2_000 },
  );
});
