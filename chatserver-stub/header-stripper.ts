import { decodeProxyHeader } from '../lib/proxy-protocol/index.ts';

/** What a message or a header begins with tells them apart: JSON never begins with these. */
const headerBeginnings = new Set([0x50 /* P of PROXY, version 1 */, 0x0d /* version 2 */]);

/**
 * Takes a PROXY header off the front of a client's bytes when there is one: balancers send it where the topology
 * says so. Nothing here depends on who the client is, so a header that nobody asked for does no harm.
 */
export class HeaderStripper {
  #waiting: Buffer | undefined;
  #done = false;

  /** The bytes after the header; undefined while it may still be one. */
  push(chunk: Buffer): Buffer | undefined {
    if (this.#done) return chunk;
    const bytes = this.#waiting === undefined ? chunk : Buffer.concat([this.#waiting, chunk]);
    const decoded = headerBeginnings.has(bytes[0] ?? 0)
      ? decodeProxyHeader(bytes, 'any')
      : { kind: 'invalid' as const };
    if (decoded.kind === 'more') {
      this.#waiting = bytes;
      return undefined;
    }
    this.#done = true;
    this.#waiting = undefined;
    return decoded.kind === 'ok' ? bytes.subarray(decoded.headerBytes) : bytes;
  }

  /** What was held back, when nothing more comes. */
  end(): Buffer | undefined {
    this.#done = true;
    return this.#waiting;
  }
}
