/**
 * Rolls a topology out over a cluster, in two phases: every node stages it, then every node switches. The decision is
 * made by the first switch: whatever happens to the applier, the nodes then bring each other to it; before, they all
 * keep what they have.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { every, systemClock, type Timer } from '../../lib/clock/index.ts';
import type { ControlConnection, Json } from '../../lib/control/index.ts';
import { describeError, HeadgateError } from '../../lib/errors/index.ts';
import type { Topology } from '../../topology/index.ts';
import type { NodeAddress } from '../control-endpoints.ts';
import type { NodeStatus } from '../node-status.ts';
import { healthOf, troublesBetween, troublesWorse, whatIsWorse, type Health } from './health.ts';
import {
  abortMethod,
  fetchMethod,
  mostTextBytes,
  offerMethod,
  readFetched,
  renewMethod,
  stageBody,
  stageMethod,
  switchMethod,
  tooLarge,
} from './messages.ts';
import { compareStamps, newerStamp, nextStamp, stampBody, type Stamp } from './stamp.ts';
import {
  addressesOf,
  addressId,
  askNode,
  closeSurvey,
  newestStamp,
  survey,
  upFor,
  type ConnectNode,
  type SurveyedNode,
} from './survey.ts';

export type Answering = SurveyedNode & { readonly answer: NonNullable<SurveyedNode['answer']> };

/** What happens, for whoever shows it. */
export type RolloutEvent =
  | { readonly kind: 'begins'; readonly stamp: Stamp; readonly nodes: number }
  | { readonly kind: 'skipped' | 'late'; readonly node: string; readonly why: string }
  | { readonly kind: 'staged'; readonly node: string }
  | { readonly kind: 'switched'; readonly node: string; readonly problem: string }
  | { readonly kind: 'settled'; readonly watchMs: number }
  | { readonly kind: 'rolls-back'; readonly why: string };

export interface RolloutOptions {
  /** What runs now: where its nodes are. */
  readonly running: Topology;
  readonly candidate: { readonly topology: Topology; readonly text: string };
  /** The roll-out the plan was made against; another one in the cluster is HEADGATE_ROLLOUT_STALE. */
  readonly base?: Stamp;
  readonly by: string;
  readonly connect: ConnectNode;
  /** The roll-out that a store shared by all nodes holds. */
  readonly stored?: Stamp;
  /**
   * Writes the topology where all nodes read it, once every node has staged it. This, not the first switch, is then
   * the decision. Rejects when somebody else was quicker: nobody switches.
   */
  readonly commit?: (stamp: Stamp, text: string) => Promise<void>;
  /** Nodes to be left out although they are up. */
  readonly skip?: ReadonlySet<string>;
  /** How long health is watched after the switch; 0: not at all, and nothing is rolled back. */
  readonly watchMs: number;
  readonly onEvent?: (event: RolloutEvent) => void;
  /** Ctrl-C. */
  readonly signal?: AbortSignal;
  readonly random?: () => number;
}

export interface RolloutResult {
  readonly stamp: Stamp;
  readonly switched: readonly string[];
  /** Nodes that should have switched and have not said so. */
  readonly late: readonly string[];
  readonly skipped: readonly string[];
  /** In what way health is worse than before. */
  readonly worse?: string;
  /** Why the topology from before was rolled out again, and as what. */
  readonly rolledBack?: { readonly why: string; readonly stamp: Stamp };
}

/** Longest time a node may look at a topology before it says whether it takes it. */
const stageMs = 5_000;
const switchMs = 5_000;
/** The nodes' lease is five times this. */
const renewMs = 1_000;
/** How long the nodes may take to report the new generation, and from then on to be well for each other again. */
const settleMs = 15_000;
const healthSettleMs = 5_000;
const lookMs = 250;

/**
 * Throws HEADGATE_ROLLOUT_BUSY, _STALE, _UNREACHABLE, _REFUSED, _TOO_LARGE, _NO_CLUSTER and _INTERRUPTED; then no
 * node has switched.
 */
export async function rollOut(options: RolloutOptions): Promise<RolloutResult> {
  const { running, candidate } = options;
  if (Buffer.byteLength(candidate.text) > mostTextBytes) throw tooLarge();
  const nodes = await survey(addressesOf([running, candidate.topology]), options.connect);
  const rollout = new Rollout(options, nodes);
  try {
    return await rollout.run();
  } finally {
    closeSurvey(nodes);
    rollout.close();
  }
}

class Rollout {
  readonly #options: RolloutOptions;
  readonly #nodes: readonly SurveyedNode[];
  readonly #before: Health;
  readonly #skipped: string[] = [];
  /** Connections made anew, by the node's first answer. */
  readonly #again = new Map<SurveyedNode, ControlConnection>();
  #staged: readonly Answering[] = [];

  constructor(options: RolloutOptions, nodes: readonly SurveyedNode[]) {
    this.#options = options;
    this.#nodes = nodes;
    this.#before = healthOf(nodes.flatMap(({ answer }) => answer?.status ?? []));
  }

  async run(): Promise<RolloutResult> {
    const { candidate, base, by, random = Math.random } = this.#options;
    const found = newerStamp(newestStamp(this.#nodes), this.#options.stored);
    this.#refuseOthers(found, base);
    const old = await this.#oldText(found);
    const targets = this.#targets();
    const stamp = nextStamp(found, candidate.topology.hash, Date.now(), random);
    this.#tell({ kind: 'begins', stamp, nodes: targets.length });
    for (const node of this.#nodes) this.#tellIfSkipped(node, targets);
    await this.#stageAll(targets, { stamp, base: found, text: candidate.text, by });
    await this.#commit(stamp);
    const switched = await this.#switchAll(stamp);
    const atMs = performance.now();
    this.#offerToOthers(stamp);
    const { late, worse } = await this.#settle(stamp);
    const why = worse ?? (await this.#watch(stamp, atMs));
    const result = {
      stamp,
      switched,
      late,
      skipped: this.#skipped,
      ...(why !== undefined && { worse: why }),
    };
    if (why === undefined || old === undefined) return result;
    this.#tell({ kind: 'rolls-back', why });
    const back = await this.#rollBack(why, stamp, old, late);
    return { ...result, rolledBack: { why, stamp: back.stamp } };
  }

  async #rollBack(why: string, stamp: Stamp, old: string, late: readonly string[]): Promise<RolloutResult> {
    const { candidate } = this.#options;
    return rollOut({
      ...this.#options,
      running: candidate.topology,
      candidate: { topology: this.#options.running, text: old },
      base: stamp,
      stored: stamp,
      // Whoever is gone because of the new topology must not keep the old one from coming back.
      skip: new Set([...(this.#options.skip ?? []), ...late, ...this.#silent(why)]),
      watchMs: 0,
    }).catch((cause: unknown) => {
      const message = `rolling back (${why}) failed, generation ${stamp.generation} stays`;
      throw new HeadgateError('HEADGATE_ROLLOUT_INCOMPLETE', message, { cause });
    });
  }

  close(): void {
    for (const connection of this.#again.values()) connection.close();
  }

  /** Compare-and-swap begins here; the nodes do the rest of it. */
  #refuseOthers(found: Stamp, base: Stamp | undefined): void {
    const answering = this.#nodes.filter(({ answer }) => answer !== undefined);
    if (answering.length === 0) {
      const [first] = this.#nodes;
      const message = `none of ${this.#nodes.length} nodes answers: ${first?.problem ?? ''}`;
      throw new HeadgateError('HEADGATE_ROLLOUT_NO_CLUSTER', message);
    }
    if (base !== undefined && compareStamps(found, base) !== 0) {
      const message = `the cluster runs generation ${found.generation}, the plan was made for ${base.generation}`;
      throw new HeadgateError('HEADGATE_ROLLOUT_STALE', message);
    }
    for (const { node, answer } of answering) {
      const staged = answer?.state.staged ?? null;
      if (staged === null) continue;
      const message = `${staged.by} is rolling out generation ${staged.generation}, it is staged on ${node}`;
      throw new HeadgateError('HEADGATE_ROLLOUT_BUSY', message);
    }
    for (const node of this.#nodes) {
      const watchers = node.answer === undefined ? upFor(node, this.#nodes) : [];
      if (watchers.length === 0 || this.#options.skip?.has(node.node) || !this.#isInBoth(node)) continue;
      const message = `${node.node} is up for ${watchers.join(', ')} but does not answer: ${node.problem}`;
      throw new HeadgateError('HEADGATE_ROLLOUT_UNREACHABLE', message);
    }
  }

  #isInBoth(node: NodeAddress): boolean {
    const { running, candidate } = this.#options;
    return [running, candidate.topology].every((topology) =>
      addressesOf([topology]).some((other) => addressId(other) === addressId(node)),
    );
  }

  #isWanted(node: NodeAddress): boolean {
    return addressesOf([this.#options.candidate.topology]).some(
      (other) => addressId(other) === addressId(node),
    );
  }

  /** Who takes part in both phases: those that answer and stay or come; not those that are removed. */
  #targets(): readonly Answering[] {
    const { skip } = this.#options;
    return this.#nodes.filter(
      (node): node is Answering =>
        node.answer !== undefined && this.#isWanted(node) && skip?.has(node.node) !== true,
    );
  }

  #tellIfSkipped(node: SurveyedNode, targets: readonly Answering[]): void {
    if (targets.some((target) => target === node)) return;
    this.#skipped.push(node.node);
    let why = `does not answer: ${node.problem}`;
    if (!this.#isWanted(node)) why = 'is removed: it is told after the switch';
    else if (node.answer !== undefined) why = 'is left out as asked';
    this.#tell({ kind: 'skipped', node: node.node, why });
  }

  /** What to go back to: the text of a node that runs what the plan began from. */
  async #oldText(found: Stamp): Promise<string | undefined> {
    if (this.#options.watchMs === 0) return undefined;
    for (const { answer } of this.#nodes) {
      if (answer === undefined || answer.status.topology !== this.#options.running.hash) continue;
      if (answer.state.generation !== found.generation) continue;
      return readFetched(await answer.connection.request(fetchMethod, null, stageMs)).text;
    }
    return undefined;
  }

  /**
   * One after the other, in the order of names: of two roll-outs at once one is refused at the first node they share,
   * before the other can be; at least one gets through.
   */
  async #stageAll(targets: readonly Answering[], request: Parameters<typeof stageBody>[0]): Promise<void> {
    const { id } = request.stamp;
    const staged: Answering[] = [];
    const renewal = this.#renew(staged, id);
    try {
      for (const node of targets) {
        if (this.#options.signal?.aborted === true)
          throw new HeadgateError('HEADGATE_ROLLOUT_INTERRUPTED', 'the roll-out was interrupted');
        // Also one whose answer is lost may have staged it.
        staged.push(node);
        await this.#stageOn(node, stageBody(request));
        this.#tell({ kind: 'staged', node: node.node });
      }
    } catch (error) {
      await Promise.all(staged.map((node) => this.#quietly(node, abortMethod, { id })));
      throw error;
    } finally {
      renewal.cancel();
    }
    this.#staged = staged;
  }

  async #stageOn({ node, answer }: Answering, body: Json): Promise<void> {
    try {
      await answer.connection.request(stageMethod, body, stageMs);
    } catch (cause) {
      const code = cause instanceof HeadgateError ? cause.facts['peerCode'] : undefined;
      if (code === 'HEADGATE_ROLLOUT_BUSY' || code === 'HEADGATE_ROLLOUT_STALE')
        throw new HeadgateError(code, `${node} refuses the roll-out`, { cause });
      throw new HeadgateError(
        'HEADGATE_ROLLOUT_REFUSED',
        `${node} does not take the topology; nobody has switched`,
        {
          cause,
        },
      );
    }
  }

  async #commit(stamp: Stamp): Promise<void> {
    const { commit, candidate } = this.#options;
    if (commit === undefined) return;
    const renewal = this.#renew(this.#staged, stamp.id);
    try {
      await commit(stamp, candidate.text);
    } catch (error) {
      const { id } = stamp;
      await Promise.all(this.#staged.map((node) => this.#quietly(node, abortMethod, { id })));
      throw error;
    } finally {
      renewal.cancel();
    }
  }

  #renew(nodes: readonly Answering[], id: string): Timer {
    const renew = (): void => {
      for (const node of nodes) void this.#quietly(node, renewMethod, { id });
    };
    return every(systemClock, renewMs, renew, true);
  }

  /** One answer is enough: what one node has switched to, the others take from it. */
  async #switchAll({ id }: Stamp): Promise<readonly string[]> {
    const failures: unknown[] = [];
    const switched = await Promise.all(
      this.#staged.map(async ({ node, answer }) => {
        try {
          const { problem } = (await answer.connection.request(switchMethod, { id }, switchMs)) as {
            readonly problem: string;
          };
          this.#tell({ kind: 'switched', node, problem });
          return [node];
        } catch (error) {
          failures.push(error);
          this.#tell({ kind: 'late', node, why: describeError(error) });
          return [];
        }
      }),
    );
    if (switched.flat().length === 0 && failures.length > 0)
      throw new HeadgateError('HEADGATE_ROLLOUT_INCOMPLETE', 'no node said that it has switched', {
        cause: failures[0],
      });
    return switched.flat();
  }

  /** Those that are removed, or were left out, hear of it now; they need not answer. */
  #offerToOthers(stamp: Stamp): void {
    const { text } = this.#options.candidate;
    for (const node of this.#nodes)
      if (node.answer !== undefined && !this.#staged.includes(node as Answering))
        void this.#quietly(node as Answering, offerMethod, { stamp: stampBody(stamp), text });
  }

  /** Waits until every node reports the generation and nobody is worse off; says who is late, and what stays worse. */
  async #settle(stamp: Stamp): Promise<{
    readonly late: readonly string[];
    readonly worse: string | undefined;
  }> {
    const deadline = performance.now() + settleMs;
    let reportedMs: number | undefined;
    for (;;) {
      const { statuses, behind, problems } = await this.#look(stamp);
      const worse = [...problems, ...whatIsWorse(this.#before, healthOf(statuses), this.#step)];
      const nowMs = performance.now();
      if (behind.length === 0) reportedMs ??= nowMs;
      const isWell = behind.length === 0 && worse.length === 0;
      const isOver = nowMs >= deadline || nowMs - (reportedMs ?? nowMs) >= healthSettleMs;
      const stopped = this.#options.signal?.aborted === true;
      if (isWell || isOver || stopped || problems.length > 0) {
        for (const node of behind)
          this.#tell({ kind: 'late', node, why: 'has not said that it has switched' });
        if (isWell) this.#tell({ kind: 'settled', watchMs: this.#options.watchMs });
        // Whoever stops looking gets no verdict: what is not well yet may be about to be.
        return { late: behind, worse: stopped && problems.length === 0 ? undefined : worse[0] };
      }
      await this.#pause(lookMs);
    }
  }

  /** Why health became worse while it was watched. */
  async #watch(stamp: Stamp, fromMs: number): Promise<string | undefined> {
    const { watchMs, signal } = this.#options;
    const minuteBefore = this.#nodes.reduce(
      (sum, { answer }) => sum + (answer?.status.troublesLastMinute ?? 0),
      0,
    );
    let last: readonly string[] = [];
    while (performance.now() - fromMs < watchMs && signal?.aborted !== true) {
      const { statuses } = await this.#look(stamp);
      const now = healthOf(statuses);
      const worse = whatIsWorse(this.#before, now, this.#step);
      // Twice the same: one missed answer is no verdict.
      const lasting = worse.find((line) => last.includes(line));
      if (lasting !== undefined) return lasting;
      last = worse;
      const troubled = troublesWorse(
        minuteBefore,
        troublesBetween(this.#before, now),
        performance.now() - fromMs,
      );
      if (troubled !== undefined) return troubled;
      await this.#pause(lookMs * 2);
    }
    return undefined;
  }

  get #step(): { readonly from: Topology; readonly to: Topology } {
    return { from: this.#options.running, to: this.#options.candidate.topology };
  }

  async #look(stamp: Stamp): Promise<{
    readonly statuses: readonly NodeStatus[];
    readonly behind: readonly string[];
    readonly problems: readonly string[];
  }> {
    const nodes = await Promise.all(
      this.#nodes
        .filter((node) => node.answer !== undefined && this.#isWanted(node))
        .map((node) => this.#lookAt(node)),
    );
    const behind = nodes.filter(
      ({ node, answer }) =>
        this.#staged.some((staged) => staged.node === node) &&
        (answer === undefined || compareStamps(answer.state, stamp) < 0),
    );
    return {
      statuses: nodes.flatMap(({ answer }) => answer?.status ?? []),
      behind: behind.map(({ node }) => node),
      problems: nodes.flatMap(({ node, answer }) =>
        answer?.state.applyProblem ? [`${node}: ${answer.state.applyProblem}`] : [],
      ),
    };
  }

  /** Over the connection that is there, else over a new one: a connection that broke is no verdict on its node. */
  async #lookAt(node: SurveyedNode): Promise<SurveyedNode> {
    const held = this.#again.get(node) ?? node.answer?.connection;
    try {
      if (held !== undefined) return await askNode(node, held);
    } catch {
      held?.close();
    }
    const [again] = await survey([node], this.#options.connect);
    if (again?.answer !== undefined) this.#again.set(node, again.answer.connection);
    return again ?? node;
  }

  /** Nodes that are named as not answering. */
  #silent(why: string): readonly string[] {
    return this.#nodes.map(({ node }) => node).filter((node) => why.startsWith(`${node} does not answer`));
  }

  async #quietly({ answer }: Answering, method: string, body: Json): Promise<void> {
    try {
      await answer.connection.request(method, body, stageMs);
    } catch {
      // It hears of the outcome from its peers, or lets its lease run out.
    }
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#options.signal }).catch(() => undefined);
  }

  #tell(event: RolloutEvent): void {
    this.#options.onEvent?.(event);
  }
}
