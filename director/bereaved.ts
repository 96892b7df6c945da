import type { Clock, Timer } from '../lib/clock/index.ts';
import { formatIp } from '../lib/packet/index.ts';
import { noticeTo, type Bereft } from './bereaved-notice.ts';
import type { PacketSender } from './packet-sender.ts';
import { defaultResetsPerSecond, jitteredPauseMs, paceResets, type PaceState } from './reset-pacing.ts';

/** One life of a balancer's index. */
export interface DeadBalancer {
  readonly index: number;
  readonly generation: number;
}

export interface OwnedFlow {
  readonly owner: DeadBalancer;
  /** How to end it; undefined when its service has gone, so that nobody can speak for it. */
  readonly bereft: Bereft | undefined;
}

/** A flow table that is walked while it changes. `Id` names a flow. */
export interface FlowSource<Id> {
  /** The flows whose owner is `wanted`, in slices of bounded size; a slice may be empty. May miss some, or give some twice. */
  walk(wanted: (owner: DeadBalancer) => boolean): Iterator<readonly Id[], void>;
  /** The flow as it is now; undefined when it has gone or has not begun yet. */
  read(id: Id): OwnedFlow | undefined;
  /** Whether it was there. */
  remove(id: Id): boolean;
}

export interface BereavedOptions<Id> {
  readonly flows: FlowSource<Id>;
  readonly sender: Pick<PacketSender, 'send'>;
  readonly clock: Clock;
  /** From 0 (included) to 1. */
  readonly random: () => number;
  /** Packets to clients, of all dead balancers together, from now on; default 5,000. */
  readonly ratePerSecond?: () => number;
  /** How often each client is told; default 3: a RST may be lost, and nobody repeats it. */
  readonly passes?: number;
  /** Least time between two times; default 3 s, longer than most clients take to acknowledge what they have. */
  readonly repeatMs?: number;
}

/** Each counts from start. All move only when a balancer dies. */
export interface BereavedStats {
  /** RSTs to clients of dead balancers. */
  readonly bereavedResets: number;
  /** Packets that make a client say what RST it will believe. */
  readonly bereavedNudges: number;
  /** Packets that could not be sent. Not expected. */
  readonly bereavedUnsent: number;
  /** Flows of dead balancers removed after their clients had been told. */
  readonly bereavedRemoved: number;
}

/** Slices looked at in one round: bounds the time of a round in a table where few flows are meant. */
const slicesPerRound = 4;

interface Told {
  readonly owner: DeadBalancer;
  passes: number;
  /** When the next pass may begin. */
  dueMs: number;
}

interface Walk<Id> {
  readonly slices: Iterator<readonly Id[], void>;
  readonly members: ReadonlySet<Told>;
  slice: readonly Id[];
  at: number;
}

/**
 * Tells the clients of dead balancers, paced, in passes over the flow table. A flow is read again just before its packet is
 * sent, so one that has begun anew, or whose balancer has recovered, hears nothing. Flows stay in the table until the last
 * pass, because packets of a dead balancer's flow are answered with RST as long as the table knows whose they are. Holds
 * one slice of the table at a time, however many flows there are.
 */
export class Bereaved<Id> {
  readonly #options: BereavedOptions<Id>;
  readonly #rate: () => number;
  readonly #passes: number;
  readonly #repeatMs: number;
  readonly #dead = new Map<number, Told>();
  #walk: Walk<Id> | undefined;
  #pace: PaceState = { credit: 0, atMs: 0 };
  #timer: Timer | undefined;
  #resets = 0;
  #nudges = 0;
  #unsent = 0;
  #removed = 0;

  constructor(options: BereavedOptions<Id>) {
    this.#options = options;
    this.#rate = options.ratePerSecond ?? (() => defaultResetsPerSecond);
    this.#passes = options.passes ?? 3;
    this.#repeatMs = options.repeatMs ?? 3_000;
  }

  /** Replaces the set of dead balancers. Clients of one that is no longer in it hear nothing more. */
  setDead(dead: readonly DeadBalancer[]): void {
    const nowMs = this.#options.clock.now();
    const keys = new Set(dead.map(keyOf));
    for (const key of this.#dead.keys()) if (!keys.has(key)) this.#dead.delete(key);
    for (const owner of dead) {
      const key = keyOf(owner);
      if (!this.#dead.has(key)) this.#dead.set(key, { owner, passes: 0, dueMs: nowMs });
    }
    if (this.#walk === undefined) this.#schedule();
  }

  stats(): BereavedStats {
    return {
      bereavedResets: this.#resets,
      bereavedNudges: this.#nudges,
      bereavedUnsent: this.#unsent,
      bereavedRemoved: this.#removed,
    };
  }

  /** Whether clients have still to be told. */
  get busy(): boolean {
    return this.#walk !== undefined || this.#due() !== undefined;
  }

  /** Idempotent. */
  close(): void {
    this.setDead([]);
    this.#timer?.cancel();
    this.#walk = undefined;
  }

  /** When the next pass begins; undefined when everybody has been told. */
  #due(): number | undefined {
    const dates = [...this.#dead.values()]
      .filter(({ passes }) => passes < this.#passes)
      .map(({ dueMs }) => dueMs);
    return dates.length === 0 ? undefined : Math.min(...dates);
  }

  #schedule(): void {
    this.#timer?.cancel();
    const { clock, random } = this.#options;
    const dueMs = this.#due();
    if (dueMs === undefined) return;
    const delayMs = Math.max(0, dueMs - clock.now()) + jitteredPauseMs(random());
    this.#timer = clock.after(delayMs, () => this.#begin(), true);
  }

  #begin(): void {
    const { clock, flows } = this.#options;
    const nowMs = clock.now();
    const members = new Set(
      [...this.#dead.values()].filter(({ passes, dueMs }) => passes < this.#passes && dueMs <= nowMs),
    );
    if (members.size === 0) return this.#schedule();
    const slices = flows.walk((owner) => this.#member(members, owner) !== undefined);
    this.#walk = { slices, members, slice: [], at: 0 };
    // After a rest nothing has been saved up.
    this.#pace = { credit: 0, atMs: nowMs };
    this.#timer = clock.after(jitteredPauseMs(this.#options.random()), () => this.#round(), true);
  }

  /** What is known of an owner, if it belongs to this pass and is still dead. */
  #member(members: ReadonlySet<Told>, owner: DeadBalancer): Told | undefined {
    const told = this.#dead.get(keyOf(owner));
    return told !== undefined && members.has(told) ? told : undefined;
  }

  #round(): void {
    const walk = this.#walk;
    if (walk === undefined) return;
    const { clock, random } = this.#options;
    const all = new Map([['flows', Infinity]]);
    const round = paceResets(this.#pace, clock.now(), all, this.#rate(), random());
    const most = round.resets.get('flows') ?? 0;
    const { sent, ended } = this.#advance(walk, most);
    // What was not needed is not lost, but saved up within the limits of the pace.
    this.#pace = { ...round.state, credit: round.state.credit + most - sent };
    if (ended) return this.#finish(walk);
    this.#timer = clock.after(round.pauseMs, () => this.#round(), true);
  }

  /** Tells at most `most` clients. */
  #advance(walk: Walk<Id>, most: number): { readonly sent: number; readonly ended: boolean } {
    let sent = 0;
    for (let slices = 0; sent < most;) {
      if (walk.at < walk.slice.length) {
        if (this.#tell(walk, walk.slice[walk.at++]!)) sent++;
        continue;
      }
      if (slices++ === slicesPerRound) break;
      const next = walk.slices.next();
      if (next.done === true) return { sent, ended: true };
      walk.slice = next.value;
      walk.at = 0;
    }
    return { sent, ended: false };
  }

  /** Whether a packet was made. */
  #tell(walk: Walk<Id>, id: Id): boolean {
    const { flows } = this.#options;
    const flow = flows.read(id);
    const told = flow === undefined ? undefined : this.#member(walk.members, flow.owner);
    if (flow === undefined || told === undefined) return false;
    if (flow.bereft !== undefined) this.#send(flow.bereft);
    if (told.passes + 1 >= this.#passes && flows.remove(id)) this.#removed++;
    return flow.bereft !== undefined;
  }

  #send(bereft: Bereft): void {
    const { sender, random } = this.#options;
    const { kind, packet } = noticeTo(bereft, random());
    const answer = sender.send(packet, formatIp(bereft.client.address));
    if (answer !== 'sent' && answer !== 'queued') this.#unsent++;
    else if (kind === 'reset') this.#resets++;
    else this.#nudges++;
  }

  #finish({ members }: Walk<Id>): void {
    const dueMs = this.#options.clock.now() + this.#repeatMs;
    for (const told of members) {
      told.passes++;
      told.dueMs = dueMs;
    }
    this.#walk = undefined;
    this.#schedule();
  }
}

/** Both are 16 bits. A number, because it is made for every flow of a walk. */
function keyOf({ index, generation }: DeadBalancer): number {
  return index * 0x1_0000 + generation;
}
