/** Which node a flow belongs to: keyed hash of the client and Maglev lookup table. Every director computes the same. */
export { FlowHasher, flowBytes, hashKeyFromHex } from './flow-hash.ts';
export {
  buildMaglevTable,
  defaultTableSize,
  maxWeight,
  noNode,
  ownerOf,
  slotCounts,
  type MaglevNode,
  type MaglevTable,
} from './maglev.ts';
export {
  hashHex,
  hashModulo,
  sipHash,
  sipHash13,
  sipHash24,
  sipKey,
  type Hash64,
  type SipKey,
  type SipRounds,
} from './siphash.ts';
