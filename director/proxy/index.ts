/**
 * The forwarding plane for machines without privileges: ends the client's connection and opens another to a port of the
 * balancer that accepts only directors, with a PROXY v2 header that names the client.
 */
export { createProxyPlane, type ProxyPlane, type ProxyPlaneOptions } from './proxy-plane.ts';
export { defaultResetsPerSecond } from '../reset-pacing.ts';
