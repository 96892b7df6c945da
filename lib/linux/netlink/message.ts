/** Netlink's framing: messages one after the other, each a header, a fixed struct and attributes. */
import { NLA_TYPE_MASK } from './constants.ts';
import { attributeLayout, headerLayout } from './layouts.ts';

/** Everything in netlink begins at a multiple of four bytes. */
function aligned(bytes: number): number {
  return (bytes + 3) & ~3;
}

export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** What follows the header; a view. */
  readonly payload: Uint8Array;
}

/** An attribute to send. */
export type Attribute = readonly [type: number, value: Uint8Array];

export function u32Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/** One request, ready to be sent to the kernel. */
export function encodeMessage(
  header: { readonly type: number; readonly flags: number; readonly sequence: number },
  struct: Uint8Array,
  attributes: readonly Attribute[] = [],
): Uint8Array {
  const parts = attributes.reduce((sum, [, value]) => sum + aligned(attributeLayout.size + value.length), 0);
  const length = headerLayout.size + aligned(struct.length) + parts;
  const message = new Uint8Array(length);
  headerLayout.write(message, { length, ...header, port: 0 });
  message.set(struct, headerLayout.size);
  let at = headerLayout.size + aligned(struct.length);
  for (const [type, value] of attributes) {
    attributeLayout.write(message, { length: attributeLayout.size + value.length, type }, at);
    message.set(value, at + attributeLayout.size);
    at += aligned(attributeLayout.size + value.length);
  }
  return message;
}

/** The messages of one datagram; undefined when it does not hold whole messages and nothing else. Never throws. */
export function decodeMessages(datagram: Uint8Array): readonly Message[] | undefined {
  const messages: Message[] = [];
  for (let at = 0; at < datagram.length;) {
    if (datagram.length - at < headerLayout.size) return undefined;
    const { length, type, flags, sequence } = headerLayout.read(datagram, at);
    if (length < headerLayout.size || length > datagram.length - at) return undefined;
    messages.push({ type, flags, sequence, payload: datagram.subarray(at + headerLayout.size, at + length) });
    at += aligned(length);
  }
  return messages;
}

/**
 * The attributes from `at`, by type without flags; a later one of a type replaces an earlier one, as in the kernel.
 * Undefined when one does not fit. Never throws.
 */
export function decodeAttributes(bytes: Uint8Array, from = 0): ReadonlyMap<number, Uint8Array> | undefined {
  const attributes = new Map<number, Uint8Array>();
  for (let at = aligned(from); at < bytes.length;) {
    if (bytes.length - at < attributeLayout.size) return undefined;
    const { length, type } = attributeLayout.read(bytes, at);
    if (length < attributeLayout.size || length > bytes.length - at) return undefined;
    attributes.set(type & NLA_TYPE_MASK, bytes.subarray(at + attributeLayout.size, at + length));
    at += aligned(length);
  }
  return attributes;
}

/** A number of four bytes; undefined when the attribute is missing or has another size. */
export function u32Of(bytes: Uint8Array | undefined): number | undefined {
  if (bytes?.length !== 4) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
}

/** Text up to its zero byte; undefined when the attribute is missing. */
export function textOf(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  const end = bytes.indexOf(0);
  return Buffer.from(end === -1 ? bytes : bytes.subarray(0, end)).toString('utf8');
}
