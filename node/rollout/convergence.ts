/** What comes of a switch: who reports the new generation, and whether health becomes worse. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlConnection } from '../../lib/control/index.ts';
import type { Topology } from '../../topology/index.ts';
import type { NodeAddress } from '../control-endpoints.ts';
import type { NodeStatus } from '../node-status.ts';
import { healthOf, troublesBetween, troublesWorse, whatIsWorse, type Health } from './health.ts';
import type { Answering, RolloutEvent } from './roll-out-types.ts';
import { compareStamps, type Stamp } from './stamp.ts';
import { askNode, survey, type ConnectNode, type SurveyedNode } from './survey.ts';

/** How long the nodes may take to report the new generation, and from then on to be well for each other again. */
const settleMs = 15_000;
const healthSettleMs = 5_000;
const lookMs = 250;

export interface ConvergenceOptions {
  readonly nodes: readonly SurveyedNode[];
  /** Those that were told to switch. */
  readonly staged: readonly Answering[];
  /** Health before the switch. */
  readonly before: Health;
  readonly step: { readonly from: Topology; readonly to: Topology };
  /** Whether a node is in the new topology. */
  readonly isWanted: (node: NodeAddress) => boolean;
  readonly connect: ConnectNode;
  readonly watchMs: number;
  readonly onEvent: (event: RolloutEvent) => void;
  readonly signal: AbortSignal | undefined;
}

export class Convergence {
  readonly #options: ConvergenceOptions;
  /** Connections made anew, by the node's first answer. */
  readonly #again = new Map<SurveyedNode, ControlConnection>();

  constructor(options: ConvergenceOptions) {
    this.#options = options;
  }

  close(): void {
    for (const connection of this.#again.values()) connection.close();
  }

  /** Waits until every node reports the generation and nobody is worse off; says who is late, and what stays worse. */
  async settle(stamp: Stamp): Promise<{
    readonly late: readonly string[];
    readonly worse: string | undefined;
  }> {
    const deadline = performance.now() + settleMs;
    let reportedMs: number | undefined;
    for (;;) {
      const { statuses, behind, problems } = await this.#look(stamp);
      const worse = [
        ...problems,
        ...whatIsWorse(this.#options.before, healthOf(statuses), this.#options.step),
      ];
      const nowMs = performance.now();
      if (behind.length === 0) reportedMs ??= nowMs;
      const isWell = behind.length === 0 && worse.length === 0;
      const isOver = nowMs >= deadline || nowMs - (reportedMs ?? nowMs) >= healthSettleMs;
      const stopped = this.#options.signal?.aborted === true;
      if (isWell || isOver || stopped || problems.length > 0) {
        for (const node of behind)
          this.#options.onEvent({ kind: 'late', node, why: 'has not said that it has switched' });
        if (isWell) this.#options.onEvent({ kind: 'settled', watchMs: this.#options.watchMs });
        // Whoever stops looking gets no verdict: what is not well yet may be about to be.
        return { late: behind, worse: stopped && problems.length === 0 ? undefined : worse[0] };
      }
      await this.#pause(lookMs);
    }
  }

  /** Why health became worse while it was watched. */
  async watch(stamp: Stamp, fromMs: number): Promise<string | undefined> {
    const { watchMs, signal } = this.#options;
    const minuteBefore = this.#options.nodes.reduce(
      (sum, { answer }) => sum + (answer?.status.troublesLastMinute ?? 0),
      0,
    );
    let last: readonly string[] = [];
    while (performance.now() - fromMs < watchMs && signal?.aborted !== true) {
      const { statuses } = await this.#look(stamp);
      const now = healthOf(statuses);
      const worse = whatIsWorse(this.#options.before, now, this.#options.step);
      // Twice the same: one missed answer is no verdict.
      const lasting = worse.find((line) => last.includes(line));
      if (lasting !== undefined) return lasting;
      last = worse;
      const troubled = troublesWorse(
        minuteBefore,
        troublesBetween(this.#options.before, now),
        performance.now() - fromMs,
      );
      if (troubled !== undefined) return troubled;
      await this.#pause(lookMs * 2);
    }
    return undefined;
  }

  async #look(stamp: Stamp): Promise<{
    readonly statuses: readonly NodeStatus[];
    readonly behind: readonly string[];
    readonly problems: readonly string[];
  }> {
    const nodes = await Promise.all(
      this.#options.nodes
        .filter((node) => node.answer !== undefined && this.#options.isWanted(node))
        .map((node) => this.#lookAt(node)),
    );
    const behind = nodes.filter(
      ({ node, answer }) =>
        this.#options.staged.some((staged) => staged.node === node) &&
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

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#options.signal }).catch(() => undefined);
  }
}
