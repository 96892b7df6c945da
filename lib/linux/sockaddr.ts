import { addressBytes, addressFamily, addressText, type Endpoint } from '../address/index.ts';
import { AF_INET, AF_INET6 } from './constants.ts';

/** sizeof(struct sockaddr_in), sizeof(struct sockaddr_in6). */
const inBytes = 16;
const in6Bytes = 28;
/** Room for either form. */
export const sockaddrBytesMost = in6Bytes;

/**
 * The kernel's form of an endpoint (include/uapi/linux/in.h, in6.h). Integers are in host order (little-endian on
 * every machine Node supports under Linux but s390x), ports in network order.
 *
 *     sockaddr_in    0 family u16 | 2 port be16 | 4 address (4)  | 8 zero (8)
 *     sockaddr_in6   0 family u16 | 2 port be16 | 4 flow info u32 | 8 address (16) | 24 scope id u32
 */
export function encodeSockaddr({ host, port }: Endpoint): Buffer {
  const four = addressFamily(host) === 4;
  const sockaddr = Buffer.alloc(four ? inBytes : in6Bytes);
  new Uint16Array(sockaddr.buffer, sockaddr.byteOffset, 1)[0] = four ? AF_INET : AF_INET6;
  sockaddr.writeUInt16BE(port, 2);
  const bytes = addressBytes(host);
  sockaddr.set(four ? bytes.subarray(12) : bytes, four ? 4 : 8);
  return sockaddr;
}

/**
 * The endpoint in a kernel's sockaddr that begins at `at`; undefined when it is neither IPv4 nor IPv6. IPv4-mapped
 * addresses come out as IPv4.
 */
export function decodeSockaddr(bytes: Uint8Array, at = 0): Endpoint | undefined {
  const family = bytes[at]! | (bytes[at + 1]! << 8);
  const port = (bytes[at + 2]! << 8) | bytes[at + 3]!;
  if (family === AF_INET) {
    return { host: `${bytes[at + 4]}.${bytes[at + 5]}.${bytes[at + 6]}.${bytes[at + 7]}`, port };
  }
  if (family !== AF_INET6) return undefined;
  return { host: addressText(bytes, at + 8), port };
}
