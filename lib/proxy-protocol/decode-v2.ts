import { canonicalAddress } from '../address/index.ts';
import { crc32c } from './crc32c.ts';
import {
  addressBlockBytes,
  command,
  family,
  maxV2PayloadBytes,
  protocol,
  signature,
  tlvCrc32c,
  tlvHeadBytes,
  v2,
  version2,
} from './layout.ts';
import type { Decoded, ProxiedAddresses } from './types.ts';

/** Section 2.2. What cannot become a valid header is refused at its first wrong byte. */
export function decodeV2(bytes: Uint8Array): Decoded {
  const compared = Math.min(signature.length, bytes.length);
  for (let at = 0; at < compared; at++) {
    if (bytes[at] !== signature[at]) return invalid('it does not begin with the signature');
  }
  const versionCommand = bytes[v2.versionCommand];
  if (versionCommand === undefined) return { kind: 'more' };
  if (versionCommand >> 4 !== version2) return invalid('the version is not 2');
  const verb = versionCommand & 0xf;
  if (verb !== command.local && verb !== command.proxy) return invalid('the command is not LOCAL or PROXY');

  const familyProtocol = bytes[v2.familyProtocol];
  if (familyProtocol === undefined) return { kind: 'more' };
  const kind = familyProtocol >> 4;
  const transport = familyProtocol & 0xf;
  // Of a LOCAL header the family is to be ignored.
  if (verb === command.proxy && (kind > family.unix || transport > protocol.datagram)) {
    return invalid('the address family or protocol is unknown');
  }

  if (bytes.length < v2.bytes) return { kind: 'more' };
  const payloadBytes = (bytes[v2.length]! << 8) | bytes[v2.length + 1]!;
  if (payloadBytes > maxV2PayloadBytes) return invalid(`it is longer than ${maxV2PayloadBytes} bytes`);
  const addressesBytes = addressBlockBytes[kind];
  const skipped = verb === command.local || addressesBytes === undefined;
  if (!skipped && payloadBytes < addressesBytes) return invalid('it is too short for its addresses');

  const headerBytes = v2.bytes + payloadBytes;
  if (bytes.length < headerBytes) return { kind: 'more' };
  if (skipped) return { kind: 'ok', headerBytes, proxied: null };
  const header = bytes.subarray(0, headerBytes);
  const wrong = checkVectors(header, v2.bytes + addressesBytes);
  if (wrong !== undefined) return invalid(wrong);
  const isTcp = transport === protocol.stream && kind !== family.unix;
  return {
    kind: 'ok',
    headerBytes,
    proxied: isTcp ? readAddresses(header, kind === family.inet ? 4 : 16) : null,
  };
}

/** What is wrong with the type-length-value vectors from `at` on, or undefined. */
function checkVectors(header: Uint8Array, at: number): string | undefined {
  while (at < header.length) {
    if (at + tlvHeadBytes > header.length) return 'a vector runs past the end';
    const valueBytes = (header[at + 1]! << 8) | header[at + 2]!;
    const value = at + tlvHeadBytes;
    if (value + valueBytes > header.length) return 'a vector runs past the end';
    if (header[at] === tlvCrc32c) {
      if (valueBytes !== 4) return 'the checksum does not have four bytes';
      if (dataView(header).getUint32(value) !== crc32c(header, value)) return 'the checksum is wrong';
    }
    at = value + valueBytes;
  }
  return undefined;
}

function readAddresses(header: Uint8Array, hostBytes: 4 | 16): ProxiedAddresses {
  const destinationAt = v2.bytes + hostBytes;
  const portsAt = destinationAt + hostBytes;
  const view = dataView(header);
  const source = readHost(header.subarray(v2.bytes, destinationAt));
  const destination = readHost(header.subarray(destinationAt, portsAt));
  return {
    source: { host: source, port: view.getUint16(portsAt) },
    destination: { host: destination, port: view.getUint16(portsAt + 2) },
  };
}

function readHost(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const view = dataView(bytes);
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(index * 2).toString(16));
  const text = groups.join(':');
  return canonicalAddress(text) ?? text;
}

function dataView(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function invalid(reason: string): Decoded {
  return { kind: 'invalid', reason: `PROXY v2: ${reason}` };
}
