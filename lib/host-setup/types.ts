import type { UnwrapCounter } from './unwrap/index.ts';

/** A VIP that this host shall own, and how its packets come. */
export interface WantedVip {
  /** Canonical text. */
  readonly address: string;
  readonly mode: 'dr' | 'tun';
}

/** What the host shall be prepared for. */
export interface HostWishes {
  /** VIPs to own; keep one in the list as long as it has connections. */
  readonly vips: readonly WantedVip[];
  /** Addresses of the directors: the outer sources of tunnel packets. Only those of the host's own family count. */
  readonly directors: readonly string[];
}

export interface HostOptions extends HostWishes {
  /**
   * On whose behalf: what two owners both wanted stays until the second one undoes it; the same owner again goes on from
   * where it was. One running process per owner: `balancer chat/b1`.
   */
  readonly owner: string;
  /** The balancer's address on this host. The interface that holds it is the one that is prepared. */
  readonly host: string;
  /** Where is written what was there before; a directory of ours alone. One per network namespace will do for all owners. */
  readonly stateDirectory: string;
  /**
   * Directory on a bpf file system: the programs stay when this process ends, as for a command. Undefined: they end with
   * this process, as for a node.
   */
  readonly pinDirectory?: string;
  /** Bytes of the largest IP packet between the directors and this host; default: what the interface and the routes say. */
  readonly mtu?: number;
}

/** Where the host is prepared. */
export interface HostBinding {
  readonly ifindex: number;
  readonly interface: string;
  readonly mtu: number;
}

/** A host that is prepared. */
export interface PreparedHost {
  readonly binding: HostBinding;
  /** What was done since the last asking, in words: `added 203.0.113.10/32 to lo`. */
  takeLog(): readonly string[];
  /**
   * Largest segment that listeners of this VIP may offer (TCP_MAXSEG), so that what clients send still fits when it is
   * wrapped; undefined for VIPs that are not wrapped. The egress program lowers it by itself on the interfaces it watches.
   */
  mss(vip: string): number | undefined;
  /** Of the programs, since they were attached; all 0 without a tunnel. */
  counters(): Readonly<Record<UnwrapCounter, number>>;
  /**
   * From now on for these. What is wanted anew is there before what is not wanted any more goes. Also mends what others
   * have changed since. Throws as prepareHost() does, and then leaves what was there.
   */
  update(wishes: HostWishes): Promise<void>;
  /** Undoes what is this owner's alone. Idempotent. */
  undo(): Promise<void>;
}
