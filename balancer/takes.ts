import type { Way } from '../lib/heartbeat/index.ts';

/** What decides in which ways a service of this node can take connections now. */
export interface TakesFacts {
  /** What the listeners are to take. */
  readonly ways: ReadonlySet<Way>;
  /** At least one worker listens at the balancer's own address. */
  readonly listensOwn: boolean;
  /** At least one worker listens at the VIP, which this host keeps to itself (no ARP answer for it). */
  readonly listensVip: boolean;
  /** The host unwraps what comes in tunnels. */
  readonly unwraps: boolean;
}

/** The ways that directors are told. nat also needs the way back through the director, which only it can know. */
export function takesOf({ ways, listensOwn, listensVip, unwraps }: TakesFacts): readonly Way[] {
  const takes: Way[] = [];
  // The same sockets of directors come with a header, or with fullnat without.
  if (listensOwn) takes.push(ways.has('fullnat') ? 'fullnat' : 'proxy');
  if (listensVip) takes.push('dr');
  if (listensVip && unwraps) takes.push('tun');
  if (listensOwn && ways.has('nat')) takes.push('nat');
  return takes;
}
