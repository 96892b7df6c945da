import type { Endpoint } from '../lib/address/index.ts';

/** One chat server a balancer may send connections to. Immutable; a changed weight is a new object of the same id. */
export interface Upstream {
  /** Number of the upstream in this process; never given to another one. */
  readonly id: number;
  /** `name@host:port`: a chat server that moved is another upstream. */
  readonly key: string;
  readonly name: string;
  readonly endpoint: Endpoint;
  /** At least 1: an upstream of weight 0 is not offered to schedulers. */
  readonly weight: number;
}
