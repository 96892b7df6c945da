/** Turns bytes, in chunks of any size, into frames. */
import { frameKinds, frameLayout, methodPattern, type Frame, type FrameKind } from './frame.ts';
import type { Json } from './types.ts';

export type Decoded =
  | { readonly status: 'frame'; readonly frame: Frame }
  | { readonly status: 'more' }
  /** The bytes break the rules; nothing after them can be read. */
  | { readonly status: 'broken'; readonly reason: string };

const kindByNumber = new Map<number, FrameKind>(
  Object.entries(frameKinds).map(([kind, number]) => [number, kind as FrameKind]),
);

const more: Decoded = { status: 'more' };
/** Smallest buffer, bytes. */
const restingBytes = 4_096;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Holds at most two frames and a chunk. Never throws on bytes; once broken it stays broken. */
export class FrameDecoder {
  readonly #maxBytes: number;
  #buffer = Buffer.allocUnsafe(restingBytes);
  #start = 0;
  #end = 0;
  #broken: Decoded | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Adds a chunk; its bytes are copied. */
  push(chunk: Uint8Array): void {
    if (this.#broken !== undefined) return;
    this.#reserve(chunk.length);
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** The next whole frame, or why there is none. */
  next(): Decoded {
    if (this.#broken !== undefined) return this.#broken;
    const held = this.#end - this.#start;
    if (held < frameLayout.lengthBytes) return more;
    const total = this.#buffer.readUInt32BE(this.#start) + frameLayout.lengthBytes;
    if (total < frameLayout.headerBytes)
      return this.#break(`a frame of ${total} bytes is shorter than its header`);
    if (total > this.#maxBytes)
      return this.#break(`a frame of ${total} bytes is larger than ${this.#maxBytes}`);
    if (held < total) return more;
    const bytes = this.#buffer.subarray(this.#start, this.#start + total);
    this.#start += total;
    const frame = readFrame(bytes);
    return typeof frame === 'string' ? this.#break(frame) : { status: 'frame', frame };
  }

  #break(reason: string): Decoded {
    this.#broken = { status: 'broken', reason };
    this.#buffer = Buffer.alloc(0);
    return this.#broken;
  }

  /** Makes room for `bytes` more; doubles what is held, so that one-byte chunks cost no quadratic copying. */
  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#buffer.length) return;
    const held = this.#end - this.#start;
    const target = Buffer.allocUnsafe(Math.max(restingBytes, held + bytes, held * 2));
    this.#buffer.copy(target, 0, this.#start, this.#end);
    this.#buffer = target;
    this.#start = 0;
    this.#end = held;
  }
}

/** The frame in exactly its bytes, or what is wrong with them. */
function readFrame(bytes: Buffer): Frame | string {
  const kindNumber = bytes.readUInt8(frameLayout.kindOffset);
  const kind = kindByNumber.get(kindNumber);
  if (kind === undefined) return `unknown kind of frame ${kindNumber}`;
  const bodyStart = frameLayout.headerBytes + bytes.readUInt8(frameLayout.methodLengthOffset);
  if (bodyStart > bytes.length) return 'a method is longer than its frame';
  const method = bytes.toString('latin1', frameLayout.headerBytes, bodyStart);
  const named = kind === 'request' || kind === 'notify';
  if (named ? !methodPattern.test(method) : method !== '') return `a ${kind} frame has a wrong method`;
  const id = bytes.readUInt32BE(frameLayout.idOffset);
  if ((kind === 'notify') !== (id === 0)) return `a ${kind} frame has the request id ${id}`;
  try {
    return { kind, id, method, body: JSON.parse(utf8.decode(bytes.subarray(bodyStart))) as Json };
  } catch {
    // Both a wrong encoding and wrong JSON end here: for the peer it is the same fault.
    return `the body of a ${kind} frame is not JSON in UTF-8`;
  }
}
