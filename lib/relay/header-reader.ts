import { decodeProxyHeader, type AcceptedVersion, type ProxiedAddresses } from '../proxy-protocol/index.ts';

/** What the bytes so far came to. */
export type HeadersRead =
  | { readonly kind: 'more' }
  /** `proxied` is what the innermost header that names a client says; `rest` is payload that came with it. */
  | { readonly kind: 'ok'; readonly proxied: ProxiedAddresses | null; readonly rest: Buffer }
  | { readonly kind: 'invalid'; readonly reason: string };

/** Strips the PROXY headers before a client's bytes, outermost first. Holds at most one header and one chunk. */
export class HeaderReader {
  readonly #accept: readonly AcceptedVersion[];
  #done = 0;
  #bytes: Buffer = Buffer.alloc(0);
  #proxied: ProxiedAddresses | null = null;
  /** Whether any byte has come. */
  started = false;

  /** `accept` names at least one header. */
  constructor(accept: readonly AcceptedVersion[]) {
    this.#accept = accept;
  }

  push(chunk: Buffer): HeadersRead {
    this.started = true;
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    for (;;) {
      const version = this.#accept[this.#done];
      if (version === undefined) return { kind: 'ok', proxied: this.#proxied, rest: this.#bytes };
      const decoded = decodeProxyHeader(this.#bytes, version);
      if (decoded.kind !== 'ok') return decoded;
      this.#bytes = this.#bytes.subarray(decoded.headerBytes);
      // LOCAL and UNKNOWN leave standing what the header around them said.
      this.#proxied = decoded.proxied ?? this.#proxied;
      this.#done++;
    }
  }
}
