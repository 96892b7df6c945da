/**
 * The PROXY protocol, versions 1 and 2: how a proxy tells the next hop who the client is. Source:
 * https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt. Encodes headers, and decodes them from however many
 * bytes have arrived so far.
 */
export { encodeLocalHeader, encodeProxyHeader, type ProxyVersion } from './encode.ts';
export { decodeProxyHeader } from './decode.ts';
export type { AcceptedVersion, Decoded, ProxiedAddresses } from './types.ts';
export { maxHeaderBytes } from './layout.ts';
