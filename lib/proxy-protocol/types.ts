import type { Endpoint } from '../address/index.ts';

/** Who speaks to whom, as the header tells it. A port may be 0. */
export interface ProxiedAddresses {
  readonly source: Endpoint;
  readonly destination: Endpoint;
}

/** What the decoder made of the bytes so far. */
export type Decoded =
  /** A valid beginning; come back with more bytes, the same ones first. */
  | { readonly kind: 'more' }
  | {
      readonly kind: 'ok';
      /** What belongs to the header; the rest is payload. */
      readonly headerBytes: number;
      /** Null for LOCAL, UNKNOWN and address families other than IP over TCP: the connection's own ends count. */
      readonly proxied: ProxiedAddresses | null;
    }
  /** Not a header, and never will be. `reason` is one short line. */
  | { readonly kind: 'invalid'; readonly reason: string };

/** Which headers a receiver takes. */
export type AcceptedVersion = 'v1' | 'v2' | 'any';
