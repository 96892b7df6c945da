/**
 * Rolls a topology out over a cluster, in two phases: every node stages it, then every node switches. The decision is
 * made by the first switch: whatever happens to the applier, the nodes then bring each other to it; before, they all
 * keep what they have.
 */
import { every, systemClock, type Timer } from '../../lib/clock/index.ts';
import type { Json } from '../../lib/control/index.ts';
import { describeError, HeadgateError } from '../../lib/errors/index.ts';
import type { NodeAddress } from '../control-endpoints.ts';
import { Convergence } from './convergence.ts';
import { healthOf, type Health } from './health.ts';
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
import type { Answering, RolloutEvent, RolloutOptions, RolloutResult } from './roll-out-types.ts';
import { compareStamps, newerStamp, nextStamp, stampBody, type Stamp } from './stamp.ts';
import {
  addressesOf,
  addressId,
  closeSurvey,
  newestStamp,
  survey,
  upFor,
  type SurveyedNode,
} from './survey.ts';

/** Longest time a node may look at a topology before it says whether it takes it. */
const stageMs = 5_000;
const switchMs = 5_000;
/** The nodes' lease is five times this. */
const renewMs = 1_000;
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
  }
}

class Rollout {
  readonly #options: RolloutOptions;
  readonly #nodes: readonly SurveyedNode[];
  readonly #before: Health;
  readonly #skipped: string[] = [];
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
    const { late, why } = await this.#converge(stamp, atMs);
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

  async #converge(stamp: Stamp, switchedMs: number) {
    const { running, candidate, connect, watchMs, signal } = this.#options;
    const convergence = new Convergence({
      nodes: this.#nodes,
      staged: this.#staged,
      before: this.#before,
      step: { from: running, to: candidate.topology },
      isWanted: (node) => this.#isWanted(node),
      connect,
      watchMs,
      onEvent: (event) => this.#tell(event),
      signal,
    });
    try {
      const { late, worse } = await convergence.settle(stamp);
      return { late, why: worse ?? (await convergence.watch(stamp, switchedMs)) };
    } finally {
      convergence.close();
    }
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
        if (this.#options.signal?.aborted === true) break;
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
    if (this.#options.signal?.aborted === true) throw await this.#interrupted(staged, id);
    this.#staged = staged;
  }

  /** Takes back what was staged, and says who has confirmed that. */
  async #interrupted(staged: readonly Answering[], id: string): Promise<HeadgateError> {
    const isBack = await Promise.all(staged.map((node) => this.#quietly(node, abortMethod, { id })));
    const silent = staged.filter((_node, index) => !isBack[index]).map(({ node }) => node);
    let outcome = 'what was staged was taken back';
    if (staged.length === 0) outcome = 'nothing was staged';
    else if (silent.length > 0)
      outcome = `${silent.join(', ')} did not say that it took back what was staged, and will drop it within seconds`;
    const message = `the roll-out was interrupted; nobody has switched, ${outcome}`;
    return new HeadgateError('HEADGATE_ROLLOUT_INTERRUPTED', message);
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

  /** Nodes that are named as not answering. */
  #silent(why: string): readonly string[] {
    return this.#nodes.map(({ node }) => node).filter((node) => why.startsWith(`${node} does not answer`));
  }

  /** False when it did not answer: it hears of the outcome from its peers, or lets its lease run out. */
  async #quietly({ answer }: Answering, method: string, body: Json): Promise<boolean> {
    try {
      await answer.connection.request(method, body, stageMs);
      return true;
    } catch {
      return false;
    }
  }

  #tell(event: RolloutEvent): void {
    this.#options.onEvent?.(event);
  }
}
