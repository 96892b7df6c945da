import type { EngineName } from '../lib/relay/index.ts';

/** Most workers a node starts by itself to carry what it was told to. */
const workersMost = 64;

/**
 * Connections of a balancer whose topology does not say: a third more than the 100,000 one is meant to carry. What the
 * process keeps ready for a connection that does not come is small, and the kernel keeps nothing.
 */
export const usualConnections = 131_072;

export interface WorkerPlanFacts {
  readonly engine: EngineName;
  /** As the topology says; undefined: as many as needed, one per core at least. */
  readonly workers: number | undefined;
  readonly maxConnections: number | undefined;
  readonly cores: number;
  /** Most connections one worker can carry here. */
  readonly workerMost: number;
  /** Whether workers can share a port. */
  readonly canShare: boolean;
}

/** How many workers a node has and what each carries. */
export interface WorkerPlan {
  readonly workers: number;
  /** Most connections of each worker; at least one, or the node would listen and refuse everybody. */
  readonly workerLimit: number;
  /** Most connections of the node. */
  readonly limit: number;
  /** Connections the topology asks for and this machine does not carry; 0: none. */
  readonly missing: number;
}

/** Workers and limits of a node. Pure. */
export function planWorkers(facts: WorkerPlanFacts): WorkerPlan {
  const { engine, maxConnections, cores, workerMost, canShare } = facts;
  const wanted = maxConnections ?? (engine === 'uring' ? usualConnections : undefined);
  const needed = Math.min(workersMost, Math.ceil((maxConnections ?? 0) / workerMost));
  const workers = canShare ? (facts.workers ?? Math.max(cores, needed)) : 1;
  const share = wanted === undefined ? Infinity : Math.floor(wanted / workers);
  const workerLimit = Math.max(1, Math.min(share, workerMost));
  const limit = workers * workerLimit;
  // What division leaves over is not missed.
  const missing = workerMost < share ? Math.max(0, (maxConnections ?? 0) - limit) : 0;
  return { workers, workerLimit, limit, missing };
}
