import { HeadgateError } from '../errors/index.ts';
import { requireUring, uringSupport, whyNotUring, type UringSupport } from '../linux/uring/index.ts';
import { connectionLimit } from './connection-limit.ts';
import { createNodeRelay } from './node/relay.ts';
import type { CreateRelay } from './types.ts';
import { needs } from './uring/needs.ts';
import { createUringRelay } from './uring/relay.ts';
import { planRings } from './uring/ring-plan.ts';

export type EngineName = 'node' | 'uring';

/** Which engine is wanted; `auto`: `uring` where it works. */
export type EnginePreference = 'auto' | EngineName;

/** Environment variable with the engine of this host, where the topology says nothing else than `auto`. */
export const engineVariable = 'HEADGATE_ENGINE';

/** An engine, and why it was chosen in one line for the log. */
export interface ChosenEngine {
  readonly engine: EngineName;
  readonly create: CreateRelay;
  readonly reason: string;
  /** Somebody asked for it by name: nothing may take its place. */
  readonly isWish: boolean;
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
  if (preference === 'node') return { ...node, isWish: true, reason: 'engine node: asked for' };
  if (preference === 'uring') return { ...uring, isWish: true, reason: 'engine uring: asked for' };
  const missing = missingForUring(support);
  return missing === undefined
    ? { ...uring, isWish: false, reason: 'engine uring: io_uring has all it needs' }
    : { ...node, isWish: false, reason: `engine node: ${missing}` };
}

/**
 * What the topology wants and, where that is `auto`, what the environment does. Throws HEADGATE_RELAY_ENGINE_UNKNOWN for a
 * variable that names no engine.
 */
export function preferredEngine(
  wanted: EnginePreference,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): EnginePreference {
  const word = environment[engineVariable] ?? '';
  if (wanted !== 'auto' || word === '') return wanted;
  if (word === 'auto' || word === 'node' || word === 'uring') return word;
  throw new HeadgateError('HEADGATE_RELAY_ENGINE_UNKNOWN', `${engineVariable} is "${word}"`);
}

/** Throws HEADGATE_URING_UNAVAILABLE when an engine was asked for that cannot work here. */
export function requireEngine({ engine }: ChosenEngine): void {
  if (engine === 'uring') requireUring(needs);
}

const mostAsked = Number.MAX_SAFE_INTEGER;

/** Most connections one relay of an engine can carry where `nofileLimit` (RLIMIT_NOFILE, soft) descriptors may be open. */
export function engineLimit(engine: EngineName, nofileLimit: number): number {
  return engine === 'node' ? connectionLimit(nofileLimit) : planRings(mostAsked, nofileLimit).capacity;
}
