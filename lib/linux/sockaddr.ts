import { addressBytes, addressFamily, type Endpoint } from '../address/index.ts';
import { AF_INET, AF_INET6 } from './constants.ts';

/** sizeof(struct sockaddr_in), sizeof(struct sockaddr_in6). */
const inBytes = 16;
const in6Bytes = 28;

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
