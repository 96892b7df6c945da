import { tcpLayout, TcpOptionKind } from './layouts.ts';
import { isMalformed, malformed, truncated, type Malformed } from './malformed.ts';

export interface TcpOption {
  readonly kind: number;
  /** Without kind and length. */
  readonly data: Uint8Array;
}

export interface Tcp {
  readonly kind: 'tcp';
  readonly offset: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  /** The low four bits beside the header length; 0 in ordinary life. */
  readonly reserved: number;
  /** TcpFlag bits. */
  readonly flags: number;
  readonly window: number;
  readonly checksum: number;
  readonly urgent: number;
  readonly options: readonly TcpOption[];
  readonly payloadOffset: number;
  readonly payloadEnd: number;
}

/** Reads a TCP header and its options. */
export function parseTcp(bytes: Uint8Array, offset = 0, end = bytes.length): Tcp | Malformed {
  const short = truncated('tcp', offset, end, tcpLayout.size);
  if (short !== undefined) return short;
  const { lengthAndReserved, ...header } = tcpLayout.read(bytes, offset);
  const headerBytes = (lengthAndReserved >> 4) * 4;
  if (headerBytes < tcpLayout.size) {
    return malformed(
      'tcp',
      offset + tcpLayout.offsetOf('lengthAndReserved'),
      `the header length is ${headerBytes}`,
    );
  }
  const cut = truncated('tcp', offset, end, headerBytes);
  if (cut !== undefined) return cut;
  const options = parseTcpOptions(bytes, offset + tcpLayout.size, offset + headerBytes);
  if (isMalformed(options)) return options;
  return {
    kind: 'tcp',
    offset,
    ...header,
    reserved: lengthAndReserved & 0x0f,
    options: options.list,
    payloadOffset: offset + headerBytes,
    payloadEnd: end,
  };
}

/** Reads TCP options up to the end-of-options mark (RFC 9293 3.2). */
export function parseTcpOptions(
  bytes: Uint8Array,
  start: number,
  end: number,
): { readonly kind: 'options'; readonly list: readonly TcpOption[] } | Malformed {
  const list: TcpOption[] = [];
  for (let at = start; at < end;) {
    const kind = bytes[at] ?? TcpOptionKind.End;
    if (kind === TcpOptionKind.End) break;
    if (kind === TcpOptionKind.NoOperation) {
      list.push({ kind, data: bytes.subarray(at, at) });
      at += 1;
      continue;
    }
    const short = truncated('tcp option', at, end, 2);
    if (short !== undefined) return short;
    const length = bytes[at + 1] ?? 0;
    if (length < 2) return malformed('tcp option', at + 1, `the length of option ${kind} is ${length}`);
    const cut = truncated('tcp option', at, end, length);
    if (cut !== undefined) return cut;
    list.push({ kind, data: bytes.subarray(at + 2, at + length) });
    at += length;
  }
  return { kind: 'options', list };
}
