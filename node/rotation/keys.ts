/**
 * The secrets a node holds while the cluster's secret is changed, and the steps of that change. Pure.
 *
 * ```
 *  phase 0: K            accept      1: K, next N      present      2: N, previous K     drop      3: N
 *  presents, accepts K ─────────► accepts N too ─────────────► presents N, accepts K ─────────► accepts N alone
 * ```
 *
 * A step is only begun when every node has done the one before, so whatever a node presents, all others accept it.
 */
import { ControlKey } from '../../lib/control/index.ts';
import type { ClusterSecrets } from '../../topology/index.ts';

export const steps = ['accept', 'present', 'drop'] as const;
export type Step = (typeof steps)[number];

/** Ids of the keys a node holds; empty: none. */
export interface KeyIds {
  readonly presented: string;
  readonly next: string;
  readonly previous: string;
}

export function keyId(secret: Uint8Array | undefined): string {
  return secret === undefined ? '' : ControlKey.fromSecret(secret).id;
}

export function idsOf({ presented, next, previous }: ClusterSecrets): KeyIds {
  return { presented: keyId(presented), next: keyId(next), previous: keyId(previous) };
}

/** How far a node is on the way to key `id`. */
export function phaseOf({ presented, next, previous }: KeyIds, id: string): 0 | 1 | 2 | 3 {
  if (presented === id) return previous === '' ? 3 : 2;
  return next === id ? 1 : 0;
}

/**
 * The secrets after a step towards `to`; the same object when the step was done before. Undefined: another change is
 * under way, or the step before was not done.
 */
export function afterStep(
  held: ClusterSecrets,
  step: Step,
  to: Uint8Array | string,
): ClusterSecrets | undefined {
  const id = typeof to === 'string' ? to : keyId(to);
  const ids = idsOf(held);
  const phase = phaseOf(ids, id);
  if (phase > steps.indexOf(step)) return held;
  if (phase < steps.indexOf(step)) return undefined;
  if (step === 'accept') {
    if (typeof to === 'string' || ids.next !== '' || ids.previous !== '') return undefined;
    return { presented: held.presented, next: to };
  }
  if (step === 'present') return held.next && { presented: held.next, previous: held.presented };
  return { presented: held.presented };
}

/** Whether a node that uses `held` may go over to `found` while it runs: only with a key in common does it stay in touch. */
export function mayAdopt(held: ClusterSecrets, found: ClusterSecrets): boolean {
  const own = Object.values(idsOf(held)).filter((id: string) => id !== '');
  return Object.values(idsOf(found)).some((id: string) => own.includes(id));
}

export function isSame(one: ClusterSecrets, other: ClusterSecrets): boolean {
  return JSON.stringify(idsOf(one)) === JSON.stringify(idsOf(other));
}
