/** What a roll-out is asked for, what it tells meanwhile, and how it ends. */
import type { Topology } from '../../topology/index.ts';
import type { Stamp } from './stamp.ts';
import type { ConnectNode, SurveyedNode } from './survey.ts';

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
