import { every, type Clock, type Timer } from '../../clock/index.ts';
import { isHeadgateError } from '../../errors/index.ts';
import { Netlink } from './netlink.ts';
import { NetlinkWatch, type NetlinkEvent } from './watch.ts';
import type { Neighbour, NetworkInterface, Route } from './types.ts';

/** The way to an address: what the frame that carries a packet to it needs. */
export interface NextHop {
  /** The interface that packets leave through; `local` when the address is this host's own. */
  readonly ifindex: number;
  /** Whose MAC address it is: a gateway's, or the address itself. */
  readonly via: string;
  /** Whether the address is on the interface's own link, without a gateway. */
  readonly direct: boolean;
  readonly local: boolean;
  /** The last one known, however long ago; undefined while nobody has ever answered. */
  readonly mac: string | undefined;
  /** The source address that the kernel would choose. */
  readonly source: string | undefined;
  /** Bytes of the largest IP packet on this way. */
  readonly mtu: number;
}

/** What a NextHops asks; the kernel's is systemNextHopSource(). */
export interface NextHopSource {
  interfaces(): readonly NetworkInterface[];
  route(address: string): Route;
  neighbours(): readonly Neighbour[];
  resolveNeighbour(ifindex: number, address: string): void;
  watch(onEvent: (event: NetlinkEvent) => void): { close(): void };
  close(): void;
}

export interface NextHopsOptions {
  readonly source: NextHopSource;
  readonly clock: Clock;
  /** How often each neighbour is asked whether it is still there; default 10 s. */
  readonly askEveryMs?: number;
  /** The way to `address` is another one than before; undefined: there is none any more. */
  readonly onChange: (address: string, hop: NextHop | undefined) => void;
  /** The kernel refused something (asking a neighbour needs CAP_NET_ADMIN); what was known stays. Told once per kind. */
  readonly onTrouble: (error: unknown) => void;
}

const askEveryMsDefault = 10_000;
/** Changes of interfaces and routes come in bursts; they are looked at once. */
const settleMs = 20;

/** The kernel as a source. Owns two descriptors while watched. Throws as Netlink.open(). */
export function systemNextHopSource(): NextHopSource {
  const netlink = Netlink.open();
  return {
    interfaces: () => netlink.interfaces(),
    route: (address) => netlink.route(address),
    neighbours: () => netlink.neighbours(),
    resolveNeighbour: (ifindex, address) => netlink.resolveNeighbour(ifindex, address),
    watch: (onEvent) => new NetlinkWatch(['interface', 'address', 'neighbour', 'route'], onEvent),
    close: () => netlink.close(),
  };
}

/**
 * The next hops of a set of addresses, kept current: from the kernel's events, and by asking every neighbour again now
 * and then, because nobody else sends to a balancer whose packets never pass the host's own stack. The last known MAC
 * address stays when a neighbour falls silent: whether it lives is not decided here. Owns its source.
 */
export class NextHops {
  readonly #options: NextHopsOptions;
  readonly #watch: { close(): void };
  readonly #asking: Timer;
  readonly #hops = new Map<string, NextHop | undefined>();
  /** The last known MAC address by interface and neighbour; only of those that `#hops` use. */
  readonly #macs = new Map<string, string>();
  readonly #told = new Set<string>();
  #settling: Timer | undefined;
  #closed = false;

  /** Throws as the source does. */
  constructor(options: NextHopsOptions) {
    this.#options = options;
    const { clock, source, askEveryMs = askEveryMsDefault } = options;
    this.#watch = source.watch((event) => this.#onEvent(event));
    this.#asking = every(clock, askEveryMs, () => this.#refresh(), true);
  }

  /** The addresses wanted from now on; ways of others are forgotten. Calls `onChange` for each new way before it returns. */
  set(addresses: Iterable<string>): void {
    const wanted = new Set(addresses);
    for (const address of this.#hops.keys()) if (!wanted.has(address)) this.#hops.delete(address);
    for (const address of wanted) if (!this.#hops.has(address)) this.#hops.set(address, undefined);
    this.#refresh();
  }

  /** Undefined when there is no route, or nobody wanted this address. */
  get(address: string): NextHop | undefined {
    return this.#hops.get(address);
  }

  /** A snapshot: undefined where there is no route. */
  all(): ReadonlyMap<string, NextHop | undefined> {
    return new Map(this.#hops);
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#asking.cancel();
    this.#settling?.cancel();
    this.#watch.close();
    this.#options.source.close();
  }

  #onEvent(event: NetlinkEvent): void {
    if (this.#closed) return;
    if (event.kind !== 'neighbour') {
      this.#settling ??= this.#options.clock.after(
        settleMs,
        () => {
          this.#settling = undefined;
          this.#refresh();
        },
        true,
      );
      return;
    }
    const { ifindex, address: via, mac } = event.neighbour;
    if (event.gone || mac === undefined) return;
    const users = [...this.#hops].filter(([, hop]) => hop?.ifindex === ifindex && hop.via === via);
    if (users.length === 0 || !this.#learn(event.neighbour)) return;
    for (const [address, hop] of users) if (hop !== undefined) this.#put(address, { ...hop, mac });
  }

  /** Looks every way up anew, and asks every neighbour. */
  #refresh(): void {
    if (this.#closed) return;
    this.#guard('list', () => {
      const { source } = this.#options;
      const mtus = new Map(source.interfaces().map(({ index, mtu }) => [index, mtu]));
      const ways = Array.from(this.#hops.keys(), (address) => [address, this.#lookUp(address)] as const);
      // The table is as long as the ways are: neighbours that none uses are not kept.
      const used = new Set(
        ways.flatMap(([address, route]) => (route ? [keyOf(route.ifindex, route.gateway ?? address)] : [])),
      );
      for (const key of this.#macs.keys()) if (!used.has(key)) this.#macs.delete(key);
      for (const neighbour of source.neighbours()) {
        if (used.has(keyOf(neighbour.ifindex, neighbour.address))) this.#learn(neighbour);
      }
      const asked = new Set<string>();
      for (const [address, route] of ways) {
        if (this.#closed || !this.#hops.has(address)) return;
        this.#put(address, route && this.#hop(address, route, mtus.get(route.ifindex)));
        if (route?.kind === 'unicast') this.#ask(route.ifindex, route.gateway ?? address, asked);
      }
    });
  }

  #lookUp(address: string): Route | undefined {
    try {
      const route = this.#options.source.route(address);
      return route.kind === 'unicast' || route.kind === 'local' ? route : undefined;
    } catch (error) {
      // No route is an answer (ENETUNREACH, EHOSTUNREACH, a prohibiting one), and it may come.
      if (isHeadgateError(error, 'HEADGATE_NETLINK_REFUSED')) return undefined;
      throw error;
    }
  }

  #hop(address: string, route: Route, interfaceMtu: number | undefined): NextHop {
    const via = route.gateway ?? address;
    return {
      ifindex: route.ifindex,
      via,
      direct: route.gateway === undefined,
      local: route.kind === 'local',
      mac: this.#macs.get(keyOf(route.ifindex, via)),
      source: route.source,
      mtu: route.mtu ?? interfaceMtu ?? 0,
    };
  }

  /** Answers whether this MAC address is another one than was known. */
  #learn({ ifindex, address, mac, state }: Neighbour): boolean {
    if (mac === undefined || state === 'failed') return false;
    const key = keyOf(ifindex, address);
    if (this.#macs.get(key) === mac) return false;
    this.#macs.set(key, mac);
    return true;
  }

  #ask(ifindex: number, via: string, asked: Set<string>): void {
    const key = keyOf(ifindex, via);
    if (asked.has(key)) return;
    asked.add(key);
    this.#guard('resolve', () => this.#options.source.resolveNeighbour(ifindex, via));
  }

  #put(address: string, hop: NextHop | undefined): void {
    const before = this.#hops.get(address);
    if (sameHop(before, hop)) return;
    this.#hops.set(address, hop && Object.freeze(hop));
    this.#options.onChange(address, hop);
  }

  /** The kernel may say no at any time; the ways stay as they are. */
  #guard(kind: string, action: () => void): void {
    try {
      action();
      this.#told.delete(kind);
    } catch (error) {
      if (!isHeadgateError(error)) throw error;
      if (!this.#told.has(kind)) this.#options.onTrouble(error);
      this.#told.add(kind);
    }
  }
}

function keyOf(ifindex: number, address: string): string {
  return `${ifindex} ${address}`;
}

function sameHop(one: NextHop | undefined, other: NextHop | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return (
    one.ifindex === other.ifindex &&
    one.via === other.via &&
    one.direct === other.direct &&
    one.local === other.local &&
    one.mac === other.mac &&
    one.source === other.source &&
    one.mtu === other.mtu
  );
}
