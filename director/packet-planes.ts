/** Planes that forward packets: what they need is asked once, and each is started when a service wants it. */
import type { Endpoint } from '../lib/address/index.ts';
import type { Director, Topology } from '../topology/index.ts';
import type { Standing } from './eligibility.ts';
import type { Lack, ServiceMode } from './forwarding-mode.ts';
import type { ForwardingPlane, PlaneMemory } from './plane.ts';
import type { TierContext } from '../node/index.ts';

/** A plane that forwards packets, as the composite runs it. */
export interface PacketPlane extends ForwardingPlane {
  readonly memory: PlaneMemory;
  /** Addresses of balancers that a table may name soon. */
  expect(hosts: Iterable<string>): void;
  obstacle(balancer: string, mode: ServiceMode): Standing | undefined;
  setTopology(topology: Topology): void;
  /** Whether a client of this VIP is connected now, or about to be; looked up, not counted a moment ago. */
  carries?(listen: Endpoint): boolean;
  /** These services come from `proxy` with the next table: connections of the proxy's are not this plane's. */
  comingFromProxy?(listens: readonly Endpoint[]): void;
}

/** What a packet plane is started with. */
export interface PacketPlaneContext {
  readonly director: Director;
  readonly topology: Topology;
  readonly tier: Pick<TierContext, 'clock' | 'log'>;
  /** TCP ends of those connected through the proxy to an endpoint now; undefined when the proxy does not listen there. */
  readonly proxied: (listen: Endpoint) => readonly Endpoint[] | undefined;
  /** What is in the way of packets may have changed. */
  readonly onChange: () => void;
}

export interface PacketPlaneKind {
  readonly name: string;
  readonly modes: readonly ServiceMode[];
  /** It listens at the VIP itself, so no other socket may: a service is either here or in `proxy`, never in both. */
  readonly takesVip: boolean;
  /** How connections it carries are ended, for the operator: `run …`. */
  readonly endsBy: string;
  /** Why it does not work here; undefined: it does. Tries the thing itself. */
  lack(topology: Topology, director: Director): Lack | undefined;
  /** Throws when the interface that a director names is none of this machine's, or unfit for the plane. */
  requireInterface?(director: Director): void;
  /** Whether an earlier process of this director left it running. */
  isPinned(topology: Topology, director: Director): boolean;
  /** Throws what the operator must read. */
  open(context: PacketPlaneContext): PacketPlane;
}
