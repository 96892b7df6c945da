/**
 * What a node holds: the topology of the last roll-out it took, its own file's changes to it, and one that is staged.
 *
 * ```
 *             stage (valid, nothing else staged, newer than what runs)
 *  running g ─────────────────────────────────────────► running g, staged g+1
 *     ▲  ▲                                                │        │
 *     │  └── abort; or the applier is gone, its lease     │        │ switch; or a peer runs
 *     │      over, and no peer runs g+1 ──────────────────┘        │ g+1 already
 *     └──────────────── g := g+1 ◄─────────────────────────────────┘
 *
 *  a peer offers a newer one (catch-up): running g := that one, whatever was staged
 *  the file is changed by hand: running g with a local change; the next roll-out replaces it
 * ```
 *
 * Pure; agent.ts carries it out.
 */
import { createHash } from 'node:crypto';
import type { ErrorCode } from '../../lib/errors/index.ts';
import { compareStamps, unstamped, type Stamp } from './stamp.ts';

export interface Holding {
  /** The last roll-out taken; in generation 0 what the file says. */
  readonly stamp: Stamp;
  /** The topology's text as it was rolled out. */
  readonly text: string;
  /** What runs instead since the file was changed by hand after the roll-out. */
  readonly local: { readonly hash: string; readonly text: string } | null;
  /** Digest of the file as it was last read or written: a file that reads so has nothing new to say. */
  readonly fileDigest: string;
}

/** A topology that waits for its switch. */
export interface Staged {
  readonly stamp: Stamp;
  readonly text: string;
  /** Who rolls out. */
  readonly by: string;
  /** Clock milliseconds at which the applier counts as gone unless it renews. */
  readonly untilMs: number;
}

export interface StageRequest {
  readonly stamp: Stamp;
  /** Newest roll-out the applier found in the cluster. */
  readonly base: Stamp;
  readonly text: string;
  readonly by: string;
}

/** How long a staged topology waits without hearing of its applier, which renews every second. */
export const leaseMs = 5_000;

export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
}

export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The holding of a node that never took a roll-out. */
export function heldFromFile(hash: string, text: string): Holding {
  return { stamp: unstamped(hash), text, local: null, fileDigest: digestOf(text) };
}

/** Content hash of what runs. */
export function runningHash({ stamp, local }: Holding): string {
  return local?.hash ?? stamp.hash;
}

export function runningText({ text, local }: Holding): string {
  return local?.text ?? text;
}

/** Why a request to stage is refused; undefined when it may be staged. Compare-and-swap over generations is here. */
export function refusesStage(
  holding: Holding,
  staged: Staged | undefined,
  { stamp, base }: StageRequest,
): Refusal | undefined {
  if (staged !== undefined && staged.stamp.id !== stamp.id) {
    const message = `${staged.by} is rolling out generation ${staged.stamp.generation} at this moment`;
    return { code: 'HEADGATE_ROLLOUT_BUSY', message };
  }
  if (compareStamps(holding.stamp, base) > 0 || compareStamps(holding.stamp, stamp) >= 0) {
    const message = `it runs generation ${holding.stamp.generation}, the roll-out began from ${base.generation}`;
    return { code: 'HEADGATE_ROLLOUT_STALE', message };
  }
  return undefined;
}

/** The holding after a roll-out was taken; the file is not written yet. */
export function afterTake(holding: Holding, stamp: Stamp, text: string): Holding {
  return { ...holding, stamp, text, local: null };
}

/** The holding after the file was written by us. */
export function afterWrite(holding: Holding): Holding {
  return { ...holding, fileDigest: digestOf(holding.text) };
}

/** The holding after the file was found to read `text`, which means `hash`; the same object when that is nothing new. */
export function afterFileChange(holding: Holding, hash: string, text: string): Holding {
  const fileDigest = digestOf(text);
  if (fileDigest === holding.fileDigest) return holding;
  if (holding.stamp.generation === 0) return heldFromFile(hash, text);
  if (hash === holding.stamp.hash) return { ...holding, local: null, fileDigest };
  return { ...holding, local: { hash, text }, fileDigest };
}

/** A text and what it means. */
export interface Meant {
  readonly hash: string;
  readonly text: string;
}

export interface Start {
  readonly holding: Holding;
  /** `file`: the file is in force; `kept`: what was kept on disk, because the file is the older one or cannot be used. */
  readonly from: 'file' | 'kept';
}

/**
 * What a node starts with: `kept` is what it ran last, `file` what its file says now (undefined: missing or broken).
 * A file that was changed while the node was away is in force, as any change by hand; one that still reads as before
 * the last roll-out is not. Undefined when there is nothing to start with.
 */
export function startWith(kept: Holding | undefined, file: Meant | undefined): Start | undefined {
  if (kept === undefined) return file && { holding: heldFromFile(file.hash, file.text), from: 'file' };
  if (file === undefined) return { holding: kept, from: 'kept' };
  const holding = afterFileChange(kept, file.hash, file.text);
  // The same text as when it was last looked at: what ran goes on.
  if (holding === kept) return { holding, from: runningText(kept) === file.text ? 'file' : 'kept' };
  return { holding, from: 'file' };
}
