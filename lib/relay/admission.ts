import type { AcceptedHeaders, ListenSpec } from './types.ts';

/** What a listener gives to the opening of a client. */
export interface Admission extends Pick<ListenSpec, 'service' | 'vip' | 'settings'> {
  readonly acceptProxy: AcceptedHeaders;
  readonly forwarded: boolean;
}

/** How the connection of a TCP peer begins; undefined: it may not connect. */
export function admit(spec: ListenSpec, peer: string): Admission | undefined {
  const { service, vip, settings, acceptProxy, allowFrom, forwarders } = spec;
  if (allowFrom !== undefined && !allowFrom.has(peer)) return undefined;
  const isForwarder = forwarders?.peers.has(peer) === true;
  return {
    service,
    vip,
    settings,
    acceptProxy: isForwarder ? forwarders.acceptProxy : acceptProxy,
    forwarded: isForwarder,
  };
}
