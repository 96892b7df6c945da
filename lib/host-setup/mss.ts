import { addressFamily } from '../address/index.ts';
import { ipv4Layout, ipv6Layout, tcpLayout } from '../packet/index.ts';

/** The kernel offers no less (TCP_MIN_MSS, include/net/tcp.h). */
const leastMss = 88;

/**
 * The largest TCP segment to `vip` that still fits `mtu` bytes when a director wraps it for `host`: the packet without
 * the outer header, the inner one and TCP's; options of TCP are the sender's business (RFC 6691).
 */
export function tunnelMss(mtu: number, host: string, vip: string): number {
  return Math.max(leastMss, mtu - headerBytes(host) - headerBytes(vip) - tcpLayout.size);
}

function headerBytes(address: string): number {
  return addressFamily(address) === 4 ? ipv4Layout.size : ipv6Layout.size;
}
