/**
 * A node's part in roll-outs: answers the applier, keeps the last good topology on disk, rewrites the topology file,
 * and catches up with peers that hold a newer generation. holding.ts decides; this acts.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Endpoint } from '../../lib/address/index.ts';
import type { Clock, Timer } from '../../lib/clock/index.ts';
import { type ControlKeys, type ControlPeer, type ControlServer } from '../../lib/control/index.ts';
import { describeError, HeadgateError } from '../../lib/errors/index.ts';
import type { Generations } from '../../lib/heartbeat/index.ts';
import type { Topology, TopologySource } from '../../topology/index.ts';
import { acceptable } from './acceptable.ts';
import {
  afterFileChange,
  afterTake,
  afterWrite,
  leaseMs,
  refusesStage,
  runningHash,
  runningText,
  type Holding,
  type Staged,
  type StageRequest,
} from './holding.ts';
import {
  abortMethod,
  exchangeMethod,
  fetchMethod,
  offerMethod,
  readExchangeStamp,
  readId,
  readOffer,
  readStage,
  renewMethod,
  stageMethod,
  stateMethod,
  switchMethod,
  type Offer,
  type RolloutStatus,
} from './messages.ts';
import { PeerLook } from './peer-look.ts';
import { compareStamps, stampBody, stampInNote, type Stamp } from './stamp.ts';
import type { HoldingStore } from './store.ts';

/** After the applier's connection ended, a switch that was under way to a peer may take this long to arrive there. */
const orphanPauseMs = 300;
/** Whoever shares the file may have written what was rolled out, of which this node hears later, such as one that is removed. */
const byHandPauseMs = 1_000;

export interface RolloutAgentOptions {
  readonly source: TopologySource;
  readonly node: string;
  readonly key: ControlKeys;
  readonly env: Readonly<NodeJS.ProcessEnv>;
  readonly control: ControlServer;
  readonly log: Logger;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly holding: Holding;
  readonly topology: Topology;
  readonly store: HoldingStore;
  /** This node's control endpoint at present. */
  readonly self: () => Endpoint;
  /** Carries out a topology. Rejects with what did not work; the rest of it then runs. */
  readonly apply: (topology: Topology) => Promise<void>;
  /** Rejects with why the node could not carry out a topology. */
  readonly check: (topology: Topology) => Promise<void>;
}

export class RolloutAgent {
  readonly #options: RolloutAgentOptions;
  readonly #log: Logger;
  readonly #clock: Clock;
  #holding: Holding;
  #topology: Topology;
  /** Peers that a roll-out removed may be the only ones that hear of it from us. */
  #before: Topology | undefined;
  #staged: (Staged & { readonly topology: Topology; readonly lease: Timer }) | undefined;
  /** A change of the file that says what is staged; looked at again when that is dropped. */
  #fileMeanwhile: { readonly topology: Topology; readonly text: string } | undefined;
  /** The roll-out this node could not catch up with last, so that it is told once. */
  #refused = '';
  #applyProblem = '';
  #diskProblem = '';
  readonly #peers: PeerLook;
  /** Changes one after the other. */
  #turn: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: RolloutAgentOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#clock = options.clock;
    this.#holding = options.holding;
    this.#topology = options.topology;
    const { control, key, node, self, log, clock, random } = options;
    this.#peers = new PeerLook({
      access: () => ({ key, node, cluster: this.#topology.cluster }),
      self,
      topologies: () =>
        [this.#topology, this.#before, this.#staged?.topology].filter((each) => each !== undefined),
      own: () => ({ stamp: this.#holding.stamp, text: this.#holding.text }),
      onNewer: (newer, how) => this.#catchUp(newer, how),
      log,
      clock,
      random,
    });
    control.handle(stateMethod, () => ({ ...this.status() }));
    control.handle(fetchMethod, () => ({
      stamp: stampBody(this.#holding.stamp),
      hash: runningHash(this.#holding),
      text: runningText(this.#holding),
    }));
    control.handle(stageMethod, async (body, peer) => this.#stage(readStage(body), peer));
    control.handle(renewMethod, (body) => this.#renew(readId(body)));
    control.handle(switchMethod, async (body) => this.#switch(readId(body)));
    control.handle(abortMethod, (body) => this.#abort(readId(body)));
    control.handle(exchangeMethod, (body) => {
      const theirs = readExchangeStamp(body);
      const { stamp, text } = this.#holding;
      return { stamp: stampBody(stamp), text: compareStamps(stamp, theirs) > 0 ? text : null };
    });
    control.handle(offerMethod, async (body) => {
      await this.#catchUp(readOffer(body), 'offered by a peer');
      return { stamp: stampBody(this.#holding.stamp) };
    });
  }

  /** For the heartbeats. */
  readonly generations: Generations = {
    own: () => this.#holding.stamp.generation,
    heard: (peer, generation) => this.#peers.heard(peer, generation),
  };

  /** Keeps what runs on disk, and begins to look around. `rewrite`: the file is older than what runs. */
  start(rewrite: boolean): void {
    void this.#inTurn(async () => {
      await this.#save();
      if (rewrite) await this.#writeSource();
    });
    this.#peers.start();
  }

  status(): RolloutStatus {
    const { stamp, local } = this.#holding;
    const staged = this.#staged;
    return {
      ...stamp,
      local: local !== null,
      staged: staged === undefined ? null : { ...staged.stamp, by: staged.by },
      applyProblem: this.#applyProblem,
      diskProblem: this.#diskProblem,
    };
  }

  /** What `apply` was rejected with is over: it works now. */
  overcame(failure: unknown): void {
    if (failure !== undefined && this.#applyProblem === describeError(failure)) this.#applyProblem = '';
  }

  /** The node's own file was changed. */
  fileChanged(topology: Topology, text: string): void {
    void this.#inTurn(async () => {
      const staged = this.#staged;
      if (staged !== undefined && staged.stamp.hash === topology.hash) {
        // Another node on this machine has switched and rewritten the file we share, or it is a coincidence.
        this.#fileMeanwhile = { topology, text };
        return;
      }
      // What the file said before this is not what it says.
      this.#fileMeanwhile = undefined;
      await this.#takeFile(topology, text);
    });
  }

  /** The place that all nodes share has another text; with `note`, one that was rolled out. */
  sharedChanged(topology: Topology, text: string, note: string | undefined): void {
    const stamp = stampInNote(note, topology.hash);
    if (stamp === undefined) {
      this.fileChanged(topology, text);
      return;
    }
    const order = compareStamps(stamp, this.#holding.stamp);
    const { name } = this.#options.source;
    // What was refused is told there; the store tells again what comes next.
    if (order > 0) void this.#catchUp({ stamp, text }, `from ${name}`).catch(() => undefined);
    else if (order < 0)
      this.#log.warn(
        `${name} holds generation ${stamp.generation}, older than ${this.#holding.stamp.generation}, which keeps running`,
      );
    else this.fileChanged(topology, text);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#peers.close();
    this.#staged?.lease.cancel();
    await this.#turn;
  }

  #inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(run);
    this.#turn = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  }

  async #takeFile(topology: Topology, text: string): Promise<void> {
    const holding = afterFileChange(this.#holding, topology.hash, text);
    if (holding === this.#holding) return;
    // The secret's place has no part in the hash, but the text may name another one.
    const isSame =
      topology.hash === this.#topology.hash && isDeepStrictEqual(topology.secret, this.#topology.secret);
    this.#holding = holding;
    if (holding.local !== null) this.#clock.after(byHandPauseMs, () => this.#tellByHand(holding), true);
    this.#topology = topology;
    if (!isSame) await this.#apply(topology);
    await this.#save();
  }

  #tellByHand({ local, stamp }: Holding): void {
    if (this.#closed || this.#holding.local !== local) return;
    const place = this.#options.source.shared === undefined ? 'file' : 'text in etcd';
    this.#log.warn(
      `the ${place} was changed by hand since generation ${stamp.generation}: the change belongs to no generation until the next roll-out`,
    );
  }

  async #stage(request: StageRequest, peer: ControlPeer): Promise<Readonly<Record<string, never>>> {
    const refusal = refusesStage(this.#holding, this.#staged, request);
    if (refusal !== undefined) throw new HeadgateError(refusal.code, refusal.message);
    const topology = await this.#acceptable(request.stamp, request.text);
    await this.#options.check(topology);
    // Somebody may have been quicker while this one was looked at.
    const late = refusesStage(this.#holding, this.#staged, request);
    if (late !== undefined) throw new HeadgateError(late.code, late.message);
    this.#staged?.lease.cancel();
    const { stamp, text, by } = request;
    const untilMs = this.#clock.now() + leaseMs;
    this.#staged = { stamp, text, by, untilMs, topology, lease: this.#leaseTimer(stamp.id, leaseMs) };
    this.#log.info(`generation ${stamp.generation} (${stamp.hash}) of ${by} is staged`);
    peer.onClose(() => {
      if (this.#staged?.stamp.id !== stamp.id) return;
      this.#staged.lease.cancel();
      this.#staged = { ...this.#staged, lease: this.#leaseTimer(stamp.id, orphanPauseMs) };
    });
    return {};
  }

  #leaseTimer(id: string, delayMs: number): Timer {
    return this.#clock.after(delayMs, () => void this.#applierGone(id), true);
  }

  #renew(id: string): Readonly<Record<string, never>> {
    const staged = this.#stagedAs(id);
    staged.lease.cancel();
    this.#staged = {
      ...staged,
      untilMs: this.#clock.now() + leaseMs,
      lease: this.#leaseTimer(id, leaseMs),
    };
    return {};
  }

  async #switch(id: string): Promise<{ readonly problem: string }> {
    return this.#inTurn(async () => {
      // Asked twice, or told by a peer before: it is done.
      if (this.#holding.stamp.id === id) return { problem: this.#applyProblem };
      const { stamp, text, topology } = this.#stagedAs(id);
      await this.#take(stamp, text, topology);
      return { problem: this.#applyProblem };
    });
  }

  #abort(id: string): Readonly<Record<string, never>> {
    if (this.#staged?.stamp.id === id) this.#drop('its roll-out was given up');
    return {};
  }

  #stagedAs(id: string) {
    if (this.#staged?.stamp.id === id) return this.#staged;
    throw new HeadgateError('HEADGATE_ROLLOUT_NOT_STAGED', 'nothing of this roll-out is staged here');
  }

  #drop(why: string): void {
    const staged = this.#staged;
    if (staged === undefined) return;
    staged.lease.cancel();
    this.#staged = undefined;
    this.#log.warn(`staged generation ${staged.stamp.generation} is dropped: ${why}`);
    const meanwhile = this.#fileMeanwhile;
    this.#fileMeanwhile = undefined;
    if (meanwhile !== undefined) this.fileChanged(meanwhile.topology, meanwhile.text);
  }

  /** Nobody says what to do with what is staged: it is taken if any node has switched, else dropped. */
  async #applierGone(id: string): Promise<void> {
    const staged = this.#staged;
    if (staged?.stamp.id !== id || this.#closed) return;
    this.#log.warn(
      `${staged.by}, who staged generation ${staged.stamp.generation}, is gone: asking the others`,
    );
    await this.#peers.askAll(() => this.#staged?.stamp.id === id);
    if (this.#staged?.stamp.id === id) this.#drop('no node that answers has switched to it');
  }

  /** Takes a roll-out. A problem in carrying it out is told, and is no reason to hold another topology than the rest. */
  async #take(stamp: Stamp, text: string, topology: Topology): Promise<void> {
    this.#holding = afterTake(this.#holding, stamp, text);
    this.#before = this.#topology;
    this.#topology = topology;
    if (this.#staged !== undefined && compareStamps(this.#staged.stamp, stamp) <= 0) {
      this.#staged.lease.cancel();
      this.#staged = undefined;
    }
    this.#fileMeanwhile = undefined;
    // First to disk: from here on a restart finds it.
    await this.#save();
    this.#log.info(`generation ${stamp.generation} (${stamp.hash}) is in force`);
    await this.#apply(topology);
    await this.#writeSource();
  }

  async #apply(topology: Topology): Promise<void> {
    try {
      await this.#options.apply(topology);
      this.#applyProblem = '';
    } catch (error) {
      this.#applyProblem = describeError(error);
      this.#log.error(
        { err: error },
        `topology ${topology.hash} is not carried out whole: ${this.#applyProblem}`,
      );
    }
  }

  async #save(): Promise<void> {
    try {
      await this.#options.store.save(this.#holding);
      this.#diskProblem = '';
    } catch (error) {
      this.#diskProblem = `the topology is not kept on disk: ${describeError(error)}`;
      this.#log.warn(this.#diskProblem);
    }
  }

  async #writeSource(): Promise<void> {
    try {
      await this.#options.source.write(this.#holding.text);
      this.#holding = afterWrite(this.#holding);
      await this.#save();
    } catch (error) {
      this.#diskProblem = `the file was not rewritten: ${describeError(error)}`;
      this.#log.warn(`${this.#diskProblem}; a restart uses what is kept in the state directory`);
    }
  }

  #acceptable(stamp: Stamp, text: string): Promise<Topology> {
    const { source, key, env } = this.#options;
    return acceptable({ name: source.name, cluster: this.#topology.cluster, key, env }, stamp, text);
  }

  /** Takes what a peer runs, when it is newer. */
  async #catchUp({ stamp, text }: Offer, how: string): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#closed || compareStamps(stamp, this.#holding.stamp) <= 0) return;
      const topology = await this.#acceptable(stamp, text).catch((error: unknown) => {
        if (this.#refused !== stamp.id)
          this.#log.error(`cannot catch up with generation ${stamp.generation}: ${describeError(error)}`);
        this.#refused = stamp.id;
        throw error;
      });
      if (this.#holding.stamp.generation === stamp.generation)
        this.#log.warn(
          `two roll-outs have generation ${stamp.generation}, made without knowing of each other: the later one is taken everywhere`,
        );
      this.#log.info(`catching up with generation ${stamp.generation}, ${how}`);
      await this.#take(stamp, text, topology);
    });
  }
}
