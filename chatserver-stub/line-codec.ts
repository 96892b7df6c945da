import { mostLineBytes } from './limits.ts';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const nothing = Buffer.alloc(0);

/** A line longer than allowed; what follows it cannot be trusted to begin a new message. */
export const overlong: unique symbol = Symbol('overlong');

/** The bytes of one message: JSON and a line feed. */
export function encodeLine(message: object): Buffer {
  return Buffer.from(`${JSON.stringify(message)}\n`);
}

/**
 * Cuts a byte stream into lines. `push` what arrives, then ask `next` until it has nothing; lines may be left
 * inside and asked for later. Lines come without line feed and without the carriage return that telnet adds.
 */
export class LineDecoder {
  readonly #mostBytes: number;
  #bytes: Buffer = nothing;
  /** Bytes of #bytes that were handed out. */
  #offset = 0;
  /** Bytes from #offset on that are known to hold no line feed. */
  #searched = 0;

  constructor(mostBytes = mostLineBytes) {
    this.#mostBytes = mostBytes;
  }

  get bufferedBytes(): number {
    return this.#bytes.length - this.#offset;
  }

  push(chunk: Buffer): void {
    this.#bytes =
      this.bufferedBytes === 0 ? chunk : Buffer.concat([this.#bytes.subarray(this.#offset), chunk]);
    this.#offset = 0;
  }

  /** The next whole line, `overlong` (then for ever), or undefined when it has not arrived yet. */
  next(): Buffer | typeof overlong | undefined {
    const end = this.#bytes.indexOf(lineFeed, this.#offset + this.#searched);
    const length = (end === -1 ? this.#bytes.length : end) - this.#offset;
    if (length > this.#mostBytes) return overlong;
    if (end === -1) {
      this.#searched = length;
      return undefined;
    }
    const start = this.#offset;
    this.#offset = end + 1;
    this.#searched = 0;
    const trimmed = end > start && this.#bytes[end - 1] === carriageReturn ? end - 1 : end;
    return this.#bytes.subarray(start, trimmed);
  }
}
