import type { Json } from '../control/index.ts';
import { keyLengths } from './key.ts';
import { clientsPerFrame, type FlowFrame, type Listing } from './types.ts';

/** Request of a director that wants reports on this connection from now on; asked again, they begin anew. */
export const subscribeMethod = 'flow-reports';
/** One-way message with one frame. */
export const frameMethod = 'flow-report';

const listings: readonly Listing[] = ['none', 'begin', 'part', 'end'];
/** Longest name of a service, characters. */
const longestName = 256;
/** Longest text of a full list: 19 bytes for each client, in base64. */
const longestList = Math.ceil((clientsPerFrame * 19) / 3) * 4;

/** The body of a message. */
export function frameBody({ sequence, service, listing, confirmed, disowned }: FlowFrame): Json {
  return { sequence, service, listing, confirmed: packKeys(confirmed), disowned: packKeys(disowned) };
}

/** Reads a body; undefined when it is no frame. Keeps nothing but the known fields. */
export function readFrame(body: unknown): FlowFrame | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { sequence, service, listing, confirmed, disowned } = body as Readonly<Record<string, unknown>>;
  if (!Number.isSafeInteger(sequence) || (sequence as number) < 1) return undefined;
  if (typeof service !== 'string' || service.length > longestName) return undefined;
  const place = listings.find((one) => one === listing);
  const has = unpackKeys(confirmed);
  const lost = unpackKeys(disowned);
  if (place === undefined || has === undefined || lost === undefined) return undefined;
  if (has.length + lost.length > clientsPerFrame) return undefined;
  return { sequence: sequence as number, service, listing: place, confirmed: has, disowned: lost };
}

/** Base64 of the keys laid end to end, each behind its length in one byte. */
function packKeys(keys: readonly string[]): string {
  let bytes = '';
  for (const key of keys) bytes += String.fromCharCode(key.length) + key;
  return Buffer.from(bytes, 'latin1').toString('base64');
}

function unpackKeys(packed: unknown): readonly string[] | undefined {
  if (typeof packed !== 'string' || packed.length > longestList) return undefined;
  const bytes = Buffer.from(packed, 'base64').toString('latin1');
  const keys: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.charCodeAt(at);
    const end = at + 1 + length;
    if (!keyLengths.has(length) || end > bytes.length) return undefined;
    keys.push(bytes.slice(at + 1, end));
    at = end;
  }
  return keys;
}
