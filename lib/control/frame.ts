/** Frames of the control channel: the bytes of one message. Drawn with all rules in docs/control-protocol.md. */
import { HeadgateError } from '../errors/index.ts';
import type { Json } from './types.ts';

/**
 * ```
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------------------------------------------------------+
 * |            length: be32, bytes after this field               |
 * +---------------+---------------+-------------------------------+
 * |  kind: u8     | method: u8 len|  request id: be32 ...         |
 * +---------------+---------------+-------------------------------+
 * |  ... request id               |  method, ASCII ...            |
 * +-------------------------------+-------------------------------+
 * |  body, JSON in UTF-8 ...                                      |
 * +---------------------------------------------------------------+
 * ```
 */
export const frameLayout = {
  kindOffset: 4,
  methodLengthOffset: 5,
  idOffset: 6,
  /** Where the method starts; also the size of the header, bytes. */
  headerBytes: 10,
  /** Bytes of the length field, which does not count itself. */
  lengthBytes: 4,
} as const;

/** Number of each kind on the wire. */
export const frameKinds = { hello: 1, request: 2, response: 3, error: 4, notify: 5 } as const;

export type FrameKind = keyof typeof frameKinds;

export interface Frame {
  readonly kind: FrameKind;
  /** 1 to 2^32 - 1, chosen by the asking side; 0 in a notify, which nobody answers. */
  readonly id: number;
  /** What is asked or told; empty in hello, response and error. */
  readonly method: string;
  readonly body: Json;
}

/** What a method looks like. */
export const methodPattern = /^[a-z][a-z0-9.-]{0,63}$/;

/** The bytes of a frame. Throws HEADGATE_CONTROL_TOO_LARGE beyond `maxBytes`. */
export function encodeFrame(frame: Frame, maxBytes: number): Buffer {
  const body = Buffer.from(JSON.stringify(frame.body), 'utf8');
  const { headerBytes, lengthBytes } = frameLayout;
  const total = headerBytes + frame.method.length + body.length;
  if (total > maxBytes) {
    throw new HeadgateError(
      'HEADGATE_CONTROL_TOO_LARGE',
      `${frame.method === '' ? frame.kind : frame.method} message of ${total} bytes is larger than ${maxBytes}`,
    );
  }
  const bytes = Buffer.allocUnsafe(total);
  bytes.writeUInt32BE(total - lengthBytes, 0);
  bytes.writeUInt8(frameKinds[frame.kind], frameLayout.kindOffset);
  bytes.writeUInt8(frame.method.length, frameLayout.methodLengthOffset);
  bytes.writeUInt32BE(frame.id, frameLayout.idOffset);
  bytes.write(frame.method, headerBytes, 'latin1');
  body.copy(bytes, headerBytes + frame.method.length);
  return bytes;
}
