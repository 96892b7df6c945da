/** Looks at what the other nodes hold: now and then, when a beat tells that one differs, and when an applier is gone. */
import type { Logger } from 'pino';
import type { Endpoint } from '../../lib/address/index.ts';
import type { Clock, Timer } from '../../lib/clock/index.ts';
import { describeError } from '../../lib/errors/index.ts';
import type { BeatPeer } from '../../lib/heartbeat/index.ts';
import type { Topology } from '../../topology/index.ts';
import { controlEndpoints } from '../control-endpoints.ts';
import type { Offer } from './messages.ts';
import { exchange, peerEndpoints, type PeerAccess } from './peers.ts';

/** Every so often, on average, a random peer is asked: directors, for one, hear of each other only so. */
const lookMs = 3_000;
/** A node that has just started looks soon, at so many peers: it may have missed a roll-out. */
const firstLookMs = 100;
const firstLooks = 3;
/** A peer that was seen behind or ahead is asked at most this often. */
const peerPauseMs = 500;
/** Peers whose last asking is remembered. */
const mostAsked = 4_096;
/** Peers asked at the same time when all are. */
const parallelAsks = 32;

export interface PeerLookOptions {
  readonly access: () => PeerAccess;
  /** This node's control endpoint at present. */
  readonly self: () => Endpoint;
  /** Where peers may be. */
  readonly topologies: () => readonly Topology[];
  readonly own: () => Offer;
  /** A peer holds something newer. */
  readonly onNewer: (newer: Offer, how: string) => Promise<void>;
  readonly log: Logger;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export class PeerLook {
  readonly #options: PeerLookOptions;
  readonly #asked = new Map<string, number>();
  #timer: Timer | undefined;
  #started = false;
  #closed = false;

  constructor(options: PeerLookOptions) {
    this.#options = options;
  }

  start(): void {
    this.#started = true;
    this.#timer = this.#options.clock.after(firstLookMs, () => this.#lookAround(firstLooks), true);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  /** A beat told the generation of a peer. */
  heard(peer: BeatPeer, generation: number): void {
    // The tier beats already while it starts, and cannot take anything over yet.
    if (!this.#started || this.#closed || generation === this.#options.own().stamp.generation) return;
    const endpoint = 'endpoint' in peer ? peer.endpoint : this.#endpointOf(peer.node);
    // Of a node we do not know: it knows us, and hears from our answer that we differ.
    if (endpoint === undefined) return;
    const name = `${endpoint.host} ${endpoint.port}`;
    const nowMs = this.#options.clock.now();
    if (nowMs - (this.#asked.get(name) ?? -Infinity) < peerPauseMs) return;
    this.#asked.set(name, nowMs);
    if (this.#asked.size > mostAsked) this.#asked.clear();
    void this.#compareWith(endpoint);
  }

  /** Asks every peer while `isWanted`; resolves when all have answered or did not. */
  async askAll(isWanted: () => boolean): Promise<void> {
    const peers = [...this.#peers()];
    const ask = async (): Promise<void> => {
      for (let peer = peers.pop(); peer !== undefined; peer = peers.pop()) {
        if (!isWanted() || this.#closed) return;
        await this.#compareWith(peer);
      }
    };
    await Promise.all(Array.from({ length: Math.min(parallelAsks, peers.length) }, ask));
  }

  #peers(): readonly Endpoint[] {
    return peerEndpoints(this.#options.topologies(), this.#options.self());
  }

  #endpointOf(node: string): Endpoint | undefined {
    return this.#options
      .topologies()
      .flatMap(controlEndpoints)
      .find((address) => address.node === node && address.speaksControl)?.control;
  }

  #lookAround(count: number): void {
    const { clock, random } = this.#options;
    const peers = [...this.#peers()];
    for (let left = count; left > 0 && peers.length > 0; left--) {
      const [peer] = peers.splice(Math.floor(random() * peers.length), 1);
      void this.#compareWith(peer!);
    }
    const delayMs = lookMs * (0.5 + random());
    if (!this.#closed) this.#timer = clock.after(delayMs, () => this.#lookAround(1), true);
  }

  /** Never rejects: a peer that does not answer is the heartbeats' matter. */
  async #compareWith(endpoint: Endpoint): Promise<void> {
    const { access, own, onNewer, log } = this.#options;
    const where = `${endpoint.host} port ${endpoint.port}`;
    try {
      const newer = await exchange(endpoint, access(), own);
      if (newer !== undefined && !this.#closed) await onNewer(newer, `from ${where}`);
    } catch (error) {
      log.debug(`no comparison with ${where}: ${describeError(error)}`);
    }
  }
}
