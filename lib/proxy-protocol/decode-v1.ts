import { addressFamily, canonicalAddress, type Endpoint } from '../address/index.ts';
import { maxV1Bytes } from './layout.ts';
import type { Decoded } from './types.ts';

const prefix = Buffer.from('PROXY ', 'latin1');
const carriageReturn = 0x0d;
const lineFeed = 0x0a;

/** Section 2.1: one line of ASCII, at most 107 bytes, ended by CRLF. */
export function decodeV1(bytes: Uint8Array): Decoded {
  const compared = Math.min(prefix.length, bytes.length);
  for (let at = 0; at < compared; at++) {
    if (bytes[at] !== prefix[at]) return invalid('it does not begin with "PROXY "');
  }
  const searched = Math.min(bytes.length, maxV1Bytes);
  for (let at = prefix.length; at < searched; at++) {
    if (bytes[at] === lineFeed) return invalid('a line feed without a carriage return');
    if (bytes[at] !== carriageReturn) continue;
    if (at + 1 === searched) break;
    if (bytes[at + 1] !== lineFeed) return invalid('a carriage return without a line feed');
    const line = Buffer.from(bytes.buffer, bytes.byteOffset, at).toString('latin1');
    return decodeLine(line, at + 2);
  }
  return bytes.length >= maxV1Bytes ? invalid(`no end of line in ${maxV1Bytes} bytes`) : { kind: 'more' };
}

function decodeLine(line: string, headerBytes: number): Decoded {
  const fields = line.split(' ');
  const [, name, sourceHost, destinationHost, sourcePort, destinationPort] = fields;
  // Whatever follows UNKNOWN is to be ignored.
  if (name === 'UNKNOWN') return { kind: 'ok', headerBytes, proxied: null };
  if (name !== 'TCP4' && name !== 'TCP6') return invalid('the protocol is not TCP4, TCP6 or UNKNOWN');
  if (fields.length !== 6) return invalid('the line does not have six fields');
  const kind = name === 'TCP4' ? 4 : 6;
  const source = endpoint(kind, sourceHost, sourcePort);
  const destination = endpoint(kind, destinationHost, destinationPort);
  if (source === undefined || destination === undefined) return invalid('an address or port is wrong');
  return { kind: 'ok', headerBytes, proxied: { source, destination } };
}

function endpoint(kind: 4 | 6, address = '', port = ''): Endpoint | undefined {
  const host = canonicalAddress(address);
  // The family is that of the text: ::ffff:1.2.3.4 is written as IPv6 though its canonical form is IPv4.
  if (host === undefined || addressFamily(address) !== kind) return undefined;
  if (!/^(?:0|[1-9]\d{0,4})$/.test(port) || Number(port) > 65_535) return undefined;
  return { host, port: Number(port) };
}

function invalid(reason: string): Decoded {
  return { kind: 'invalid', reason: `PROXY v1: ${reason}` };
}
