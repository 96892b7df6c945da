import { clientsPerFrame, type FlowFrame, type Listing } from './types.ts';

/** What is to be told: the live flows of each service. Keys as of key.ts. */
export interface FlowSource {
  /** Services to list, those without flows included: what a director still holds of them ends with the listing. */
  services(): Iterable<string>;
  /**
   * Keys of the live flows, each once. Iterated bit by bit while it changes, as a Map allows: what is removed before its
   * turn is left out, what is added comes at the end.
   */
  live(service: string): Iterable<string>;
}

/** Changes that may wait for a receiver; at one more they are dropped, for a full listing later. */
export const mostChanges = 65_536;

interface Running {
  readonly service: string;
  readonly keys: Iterator<string>;
  begun: boolean;
}

/**
 * Decides what one receiver is told next: full listings of every service first, then changes. No frame is kept, and
 * changes of a flow that wait are one entry with its present state, so the memory is bounded. The receiver knows
 * exactly the live flows when it has taken every frame up to the moment `next` answers undefined.
 */
export class FlowSender {
  readonly #source: FlowSource;
  readonly #mostChanges: number;
  readonly #perFrame: number;
  /** Service → key → whether the flow is live. Only of services whose listing has begun. */
  readonly #changes = new Map<string, Map<string, boolean>>();
  #changesWaiting = 0;
  #changesSinceFrame = 0;
  readonly #begun = new Set<string>();
  #toList: string[] = [];
  #running: Running | undefined;
  #sequence = 0;
  #listedLast = false;
  /** Backlogs dropped because the receiver did not read. */
  dropped = 0;

  constructor(
    source: FlowSource,
    limits: { readonly mostChanges?: number; readonly perFrame?: number } = {},
  ) {
    this.#source = source;
    this.#mostChanges = limits.mostChanges ?? mostChanges;
    this.#perFrame = limits.perFrame ?? clientsPerFrame;
    this.relist();
  }

  /** Whether `next` has so much to say that nobody should wait for more. */
  get isUrgent(): boolean {
    return this.#running !== undefined || this.#toList.length > 0 || this.#changesWaiting >= this.#perFrame;
  }

  /** Whether `next` has anything to say. */
  get hasNews(): boolean {
    return this.isUrgent || this.#changesWaiting > 0;
  }

  /** A flow became live, or ended; the source says so already. */
  changed(service: string, key: string, isLive: boolean): void {
    // The listing that is still to come tells the present state.
    if (!this.#begun.has(service)) {
      if (!this.#toList.includes(service)) this.#toList.push(service);
      return;
    }
    let ofService = this.#changes.get(service);
    if (ofService === undefined) this.#changes.set(service, (ofService = new Map()));
    if (!ofService.has(key)) this.#changesWaiting++;
    ofService.set(key, isLive);
    // The second: an iterator at rest holds on to what a changing Map leaves behind.
    if (this.#changesWaiting > this.#mostChanges || ++this.#changesSinceFrame > this.#mostChanges)
      this.#drop();
  }

  /** Forgets what waits and begins anew with full listings. */
  relist(): void {
    this.#changes.clear();
    this.#changesWaiting = 0;
    this.#changesSinceFrame = 0;
    this.#begun.clear();
    this.#running = undefined;
    this.#toList = [...this.#source.services()];
  }

  /** The frame that `next` answered last could not be handed over: everything is listed anew. */
  refused(): void {
    this.#sequence--;
    this.#drop();
  }

  /** The next frame; undefined when the receiver knows everything. Whoever takes it delivers it, or calls `refused`. */
  next(): FlowFrame | undefined {
    this.#changesSinceFrame = 0;
    this.#startListing();
    // By turns, so that neither waits for the end of the other.
    this.#listedLast = this.#running !== undefined && (this.#changesWaiting === 0 || !this.#listedLast);
    return this.#listedLast ? this.#nextOfListing(this.#running!) : this.#nextChanges();
  }

  #drop(): void {
    this.dropped++;
    this.relist();
  }

  #startListing(): void {
    if (this.#running !== undefined) return;
    const service = this.#toList.shift();
    if (service === undefined) return;
    this.#running = { service, keys: this.#source.live(service)[Symbol.iterator](), begun: false };
    this.#begun.add(service);
  }

  #nextOfListing(running: Running): FlowFrame {
    const { service, keys, begun } = running;
    const confirmed: string[] = [];
    const disowned: string[] = [];
    let isAll = false;
    while (confirmed.length < this.#perFrame && !isAll) {
      const { value, done } = keys.next();
      if (done === true) isAll = true;
      else {
        confirmed.push(value);
        // Told herewith: what waits is the present state, and so is this.
        this.#forget(service, value);
      }
    }
    // Also what began since: at the end of the listing nothing live may be missing from it.
    if (isAll) this.#take(service, confirmed, disowned);
    running.begun = true;
    const isEnd = isAll && !this.#changes.has(service);
    // A listing has at least two frames, so that begin and end are two marks.
    const listing = !begun ? 'begin' : isEnd ? 'end' : 'part';
    if (listing === 'end') this.#running = undefined;
    return this.#frame(service, listing, confirmed, disowned);
  }

  #nextChanges(): FlowFrame | undefined {
    const first = this.#changes.keys().next();
    if (first.done === true) return undefined;
    const service = first.value;
    const confirmed: string[] = [];
    const disowned: string[] = [];
    this.#take(service, confirmed, disowned);
    // Its turn comes again after that of the others.
    const left = this.#changes.get(service);
    if (left !== undefined) {
      this.#changes.delete(service);
      this.#changes.set(service, left);
    }
    return this.#frame(service, 'none', confirmed, disowned);
  }

  /** Moves changes that wait into a frame, as many as it has room for. */
  #take(service: string, confirmed: string[], disowned: string[]): void {
    for (const [key, isLive] of this.#changes.get(service) ?? []) {
      if (confirmed.length + disowned.length >= this.#perFrame) return;
      (isLive ? confirmed : disowned).push(key);
      this.#forget(service, key);
    }
  }

  #forget(service: string, key: string): void {
    const changes = this.#changes.get(service);
    if (changes?.delete(key) !== true) return;
    this.#changesWaiting--;
    if (changes.size === 0) this.#changes.delete(service);
  }

  #frame(service: string, listing: Listing, confirmed: string[], disowned: string[]): FlowFrame {
    return { sequence: ++this.#sequence, service, listing, confirmed, disowned };
  }
}
