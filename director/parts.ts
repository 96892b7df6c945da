import type { Endpoint } from '../lib/address/index.ts';
import type { Heartbeats, HeartbeatsOptions } from '../lib/heartbeat/index.ts';
import type { PacketPlaneKind } from './packet-planes.ts';
import type { CreateRelay, RelayMaker } from '../lib/relay/index.ts';

/** What a director is made of; tests bring their own. */
export interface DirectorParts {
  readonly createRelay: CreateRelay;
  /** Whose relays these are, for the log and the status. */
  readonly engine?: Pick<RelayMaker, 'inForce'>;
  readonly createHeartbeats: (options: HeartbeatsOptions) => Heartbeats;
  /** PROXY v2 header for a connection from `source` to `destination`. */
  readonly preface: (source: Endpoint, destination: Endpoint) => Uint8Array;
  /** Most connections at one time. */
  readonly limit: number;
  /** From 0 (included) to 1. */
  readonly random: () => number;
  /** Planes that forward packets; default: none. */
  readonly packetPlanes?: readonly PacketPlaneKind[];
}
