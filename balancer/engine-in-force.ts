import type { Logger } from 'pino';
import type { ChosenEngine } from '../lib/relay/index.ts';
import type { TierStatus } from '../node/index.ts';
import type { WorkerEngine } from './worker-protocol.ts';

/** What a balancer planned to carry its connections with. */
export interface PlannedEngine extends Pick<ChosenEngine, 'engine' | 'reason'> {
  readonly workers: number;
  /** Most connections of each worker. */
  readonly workerLimit: number;
}

/** What it does carry them with. */
export interface EngineOfNode {
  readonly engine: NonNullable<TierStatus['engine']>;
  /** Most connections of all workers together. */
  readonly limit: number;
}

/** What the workers say over what was planned; those that have not said anything yet count as planned. */
export function engineInForce(planned: PlannedEngine, engines: readonly WorkerEngine[]): EngineOfNode {
  const { engine, reason, workers, workerLimit } = planned;
  const silent = Math.max(0, workers - engines.length);
  const limit = engines.reduce((sum, each) => sum + each.limit, silent * workerLimit);
  const fallbacks = engines.filter(({ isFallback }) => isFallback);
  const [fallback] = fallbacks;
  if (fallback === undefined) return { engine: { name: engine, reason }, limit };
  // The reason of one is, but for numbers, that of all.
  if (fallbacks.length === workers)
    return { engine: { name: fallback.engine, reason: fallback.reason }, limit };
  const share = `${fallbacks.length} of ${workers} workers: ${fallback.reason}`;
  return { engine: { name: `${engine} and ${fallback.engine}`, reason: `${reason}; ${share}` }, limit };
}

/** Tells when it is, or becomes, something else than was planned. */
export class EngineLog {
  readonly #log: Logger;
  #told: string;

  constructor(log: Logger, planned: PlannedEngine) {
    this.#log = log;
    this.#told = lineOf(engineInForce(planned, []));
  }

  update(now: EngineOfNode): void {
    const line = lineOf(now);
    if (line === this.#told) return;
    this.#told = line;
    this.#log.warn(line);
  }
}

function lineOf({ engine, limit }: EngineOfNode): string {
  return `carries up to ${limit} connections: ${engine.reason}`;
}
