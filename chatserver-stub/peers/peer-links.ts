import { sameEndpoint } from '../../lib/address/index.ts';
import type { Topology } from '../../topology/index.ts';
import type { PeerAddress } from './peer-events.ts';
import { meetMs, mostUnlisted } from './peer-limits.ts';
import type { PeerLink } from './peer-link.ts';

/** The part of a PeerLink that decides which links there are. */
export type Linked = Pick<
  PeerLink,
  'node' | 'endpoint' | 'remote' | 'isTried' | 'toldMs' | 'retired' | 'retire' | 'hurry' | 'close'
>;

export interface PeerLinksOptions<Link extends Linked> {
  /** Name and host of this chat server: another host of the same name is another process. */
  readonly self: { readonly node: string; readonly host: string };
  /** Makes a link that begins to connect; `retired`: the topology does not name its peer. */
  readonly link: (at: PeerAddress, retired: boolean) => Link;
  /** Whether the process told its people since it was last forgotten. */
  readonly heardFrom: (incarnation: string) => boolean;
  readonly now: () => number;
}

/**
 * The links to all peers: to those of the topology, and to those that others name or that come by themselves (removed
 * ones that still have people, or ones that a topology to come will name). The latter end with the first attempt that
 * fails once their peer was given up.
 */
export class PeerLinks<Link extends Linked> {
  readonly #options: PeerLinksOptions<Link>;
  readonly #links = new Set<Link>();
  /** Links to those that said hello by themselves. */
  readonly #came = new WeakSet<Link>();
  #waiting: (() => void)[] = [];

  constructor(options: PeerLinksOptions<Link>) {
    this.#options = options;
  }

  [Symbol.iterator](): Iterator<Link> {
    return this.#links.values();
  }

  get size(): number {
    return this.#links.size;
  }

  /** Links to new peers, retires links to those that left; a changed address is both. */
  apply({ chatservers }: Topology): void {
    const wanted = chatservers
      .filter(({ probe }) => probe.kind === 'headgate')
      .map(({ name, address, controlPort }) => ({ node: name, host: address.host, port: controlPort }))
      .filter((peer) => !this.#isSelf(peer));
    for (const link of this.#links) link.retire(!wanted.some((peer) => isAt(link, peer)));
    for (const peer of wanted)
      if (![...this.#links].some((link) => isAt(link, peer)))
        this.#links.add(this.#options.link(peer, false));
  }

  /** A peer said hello: the way to it waits no longer. False when there is no room for one that nobody lists. */
  came(at: PeerAddress): boolean {
    if (!this.heardOf(at)) return false;
    for (const link of this.#of(at)) this.#came.add(link);
    return true;
  }

  /** A peer is there, as it or another one says; the same as `came`, but that others are not told. */
  heardOf(at: PeerAddress): boolean {
    if (this.#isSelf(at)) return true;
    const known = this.#of(at);
    for (const link of known) link.hurry();
    if (known.length > 0) return true;
    const unlisted = [...this.#links].filter(({ retired }) => retired).length;
    if (unlisted >= mostUnlisted) return false;
    this.#links.add(this.#options.link(at, true));
    return true;
  }

  /** Peers that messages are exchanged with, or will be in a moment: of two that come at once, one hears of the other. */
  present(): PeerAddress[] {
    return [...this.#links]
      .filter((link) => link.remote !== undefined || this.#came.has(link))
      .map(({ node, endpoint }) => ({ node, ...endpoint }));
  }

  /** Runs `met` when every peer has been asked, and those that answered know who is here and told who is there. */
  whenMet(met: () => void): void {
    this.#waiting.push(met);
    this.look();
  }

  /** Something changed that somebody may wait for. */
  look(): void {
    if (this.#waiting.length === 0 || [...this.#links].some((link) => !this.#isMet(link))) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const met of waiting) met();
  }

  /** A link has ended for good. */
  ended(link: Link): void {
    this.#links.delete(link);
    this.look();
  }

  close(): void {
    for (const link of this.#links) link.close();
  }

  #isMet({ isTried, remote, toldMs }: Link): boolean {
    if (!isTried) return false;
    if (remote === undefined) return true;
    if (toldMs === undefined) return false;
    const { heardFrom, now } = this.#options;
    // One that never tells its own, of an earlier version perhaps, is not waited for again and again.
    return heardFrom(remote) || now() - toldMs >= meetMs;
  }

  #of({ node, host }: PeerAddress): Link[] {
    return [...this.#links].filter((link) => link.node === node && link.endpoint.host === host);
  }

  #isSelf({ node, host }: PeerAddress): boolean {
    const { self } = this.#options;
    return node === self.node && host === self.host;
  }
}

function isAt(link: Linked, { node, host, port }: PeerAddress): boolean {
  return link.node === node && sameEndpoint(link.endpoint, { host, port });
}
