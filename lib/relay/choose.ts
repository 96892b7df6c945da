import { uringSupport, whyNotUring, type UringSupport } from '../linux/uring/index.ts';
import { createNodeRelay } from './node/relay.ts';
import type { CreateRelay } from './types.ts';
import { needs } from './uring/needs.ts';
import { createUringRelay } from './uring/relay.ts';

/** Which engine is wanted; `auto`: `uring` where it works. */
export type EnginePreference = 'auto' | 'node' | 'uring';

/** An engine, and why it was chosen in one line for the log. */
export interface ChosenEngine {
  readonly engine: 'node' | 'uring';
  readonly create: CreateRelay;
  readonly reason: string;
}

/** Why the engine `uring` cannot work here, in one line; undefined: it can. Never throws. */
export function missingForUring(support: UringSupport = uringSupport()): string | undefined {
  return whyNotUring(needs, support);
}

/**
 * The engine to make relays with. `uring` where it cannot work is chosen nevertheless, so that its create() throws
 * HEADGATE_URING_UNAVAILABLE: who asks for it by name is to hear of it. `support` is for tests.
 */
export function createRelayFor(preference: EnginePreference, support?: UringSupport): ChosenEngine {
  const node = { engine: 'node', create: createNodeRelay } as const;
  const uring = { engine: 'uring', create: createUringRelay } as const;
  if (preference === 'node') return { ...node, reason: 'engine node: asked for' };
  if (preference === 'uring') return { ...uring, reason: 'engine uring: asked for' };
  const missing = missingForUring(support);
  return missing === undefined
    ? { ...uring, reason: 'engine uring: io_uring has all it needs' }
    : { ...node, reason: `engine node: ${missing}` };
}
