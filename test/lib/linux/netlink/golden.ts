/** Messages as the kernel writes them, for tests that play the kernel. */
import { encodeMessage, type Attribute } from '../../../../lib/linux/netlink/message.ts';

export const text = (value: string): Uint8Array => Buffer.from(`${value}\0`);

export const hex = (digits: string): Uint8Array => Buffer.from(digits.replaceAll(' ', ''), 'hex');

/** One attribute inside of another. */
export function nested(...attributes: readonly Attribute[]): Uint8Array {
  return encodeMessage({ type: 0, flags: 0, sequence: 0 }, new Uint8Array(0), attributes).subarray(16);
}

/** An answer to the request numbered `sequence`. */
export function answer(
  type: number,
  sequence: number,
  struct: Uint8Array,
  attributes: readonly Attribute[] = [],
  flags = 0,
): Uint8Array {
  return encodeMessage({ type, flags, sequence }, struct, attributes);
}

/** ifinfomsg of an Ethernet interface 2 that is up and has a carrier, then its attributes. */
export function linkMessage(sequence: number, flags = 0): Uint8Array {
  return answer(
    16,
    sequence,
    hex('00 00 0100 02000000 43100100 00000000'),
    [
      [3, text('eth0')],
      [4, hex('dc050000')],
      [1, hex('020000000001')],
      // Nested, with NLA_F_NESTED as some kernels set it.
      [18 | 0x8000, nested([1, text('veth')])],
    ],
    flags,
  );
}

/** ndmsg: IPv4 neighbour of interface 2 that is reachable. */
export function neighbourMessage(sequence: number): Uint8Array {
  return answer(28, sequence, hex('02 000000 02000000 0200 00 01'), [
    [1, hex('0a4d0102')],
    [2, hex('020000000002')],
  ]);
}

/** rtmsg: unicast through a gateway, with an MTU of 1,400. */
export function routeMessage(sequence: number): Uint8Array {
  return answer(24, sequence, hex('02 20 00 00 fe 00 00 01 00020000'), [
    [1, hex('0a4e0001')],
    [4, hex('02000000')],
    [5, hex('0a4d0001')],
    [7, hex('0a4d0102')],
    [8, nested([2, hex('78050000')])],
  ]);
}

/** NLMSG_DONE of a list that ended well. */
export const done = (sequence: number, flags = 0): Uint8Array =>
  answer(3, sequence, hex('00000000'), [], flags);

/** NLMSG_ERROR: `errno`, the quoted header of the request, and the kernel's explanation. */
export function refused(sequence: number, errno: number, explanation?: string): Uint8Array {
  const error = new Uint8Array(4 + 16);
  new DataView(error.buffer).setInt32(0, -errno, true);
  const attributes: readonly Attribute[] = explanation === undefined ? [] : [[1, text(explanation)]];
  return answer(2, sequence, error, attributes, 0x100 | (explanation === undefined ? 0 : 0x200));
}
