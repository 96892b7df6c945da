import { describeError, isHeadgateError } from '../errors/index.ts';
import { getrlimitNofile } from '../linux/index.ts';
import type { ChosenEngine, EngineName } from './choose.ts';
import { connectionLimit } from './connection-limit.ts';
import { createNodeRelay } from './node/relay.ts';
import type { CreateRelay } from './types.ts';

/** The engine that carries connections, which may be another than was chosen. */
export interface EngineInForce {
  readonly engine: EngineName;
  /** Why, in one line for the log and the status. */
  readonly reason: string;
  readonly isFallback: boolean;
}

/** Makes relays, and knows what the last of them runs on; before the first: what was chosen. */
export interface RelayMaker {
  readonly create: CreateRelay;
  readonly inForce: EngineInForce;
}

/**
 * As the engine's own create(), but where io_uring was nobody's wish and gets no memory (RLIMIT_MEMLOCK) or descriptors
 * after all, a relay of `node`, as large as that can be.
 */
export function createWithFallback({ engine, create, reason, isWish }: ChosenEngine): RelayMaker {
  let inForce: EngineInForce = { engine, reason, isFallback: false };
  return {
    create(options) {
      try {
        return create(options);
      } catch (error) {
        if (engine === 'node' || isWish) throw error;
        const why = describeError(error);
        const cure = isShortOfMemory(error) ? memoryCure : '';
        inForce = {
          engine: 'node',
          reason: `engine node: io_uring does not work after all: ${why}${cure}`,
          isFallback: true,
        };
        const most = connectionLimit(getrlimitNofile()?.soft ?? Infinity);
        return createNodeRelay({ ...options, limit: Math.min(options.limit, most) });
      }
    },
    get inForce() {
      return inForce;
    },
  };
}

/** What io_uring_setup(2) locks counts for all processes of a user together. */
const memoryCure =
  '; raise RLIMIT_MEMLOCK, which all processes of a user share (ulimit -l, LimitMEMLOCK= of systemd)';

function isShortOfMemory(error: unknown): boolean {
  for (let link = error; link instanceof Error; link = link.cause)
    if (isHeadgateError(link) && link.facts['code'] === 'ENOMEM') return true;
  return false;
}
