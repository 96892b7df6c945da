/**
 * Beats also tell the generation of the topology each end runs, so that a node that missed a roll-out is noticed
 * within one interval. The number travels beside what else a beat says: `{"node": "d1", "generation": 7}`.
 */
import type { Endpoint } from '../address/index.ts';
import type { Json } from '../control/index.ts';

/** Where the other end of a beat can be reached: who asks is known by name, who answers by endpoint. */
export type BeatPeer = { readonly node: string } | { readonly endpoint: Endpoint };

export interface Generations {
  /** The generation this node runs. Called for each beat; must be cheap. */
  own(): number;
  /** The other end of a beat runs this generation. */
  heard(peer: BeatPeer, generation: number): void;
}

/** The body with this node's generation in it. */
export function withGeneration(body: Json, generations: Generations | undefined): Json {
  if (generations === undefined || body === null || typeof body !== 'object' || Array.isArray(body))
    return body;
  return { ...(body as Readonly<Record<string, Json>>), generation: generations.own() };
}

/** Passes on the generation in a body; nodes that tell none have nothing to compare. */
export function hearGeneration(body: Json, peer: BeatPeer, generations: Generations | undefined): void {
  if (generations === undefined || body === null || typeof body !== 'object' || Array.isArray(body)) return;
  const { generation } = body as Readonly<Record<string, Json>>;
  if (typeof generation === 'number' && Number.isSafeInteger(generation) && generation >= 0)
    generations.heard(peer, generation);
}
