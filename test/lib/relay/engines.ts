import { createNodeRelay, createUringRelay, missingForUring, type CreateRelay } from '../../../lib/relay/index.ts';

/** An engine under the contract tests. */
export interface Engine {
  readonly name: string;
  readonly create: CreateRelay;
  /** Whether each connection takes descriptors of the process. */
  readonly takesDescriptors: boolean;
}

/** Why the `uring` engine is not tested here; undefined: it is. */
export const uringMissing = missingForUring();

/** Every engine runs the same contract; add one here and it is tested. */
export const engines: readonly Engine[] = [
  { name: 'node', create: createNodeRelay, takesDescriptors: true },
  ...(uringMissing === undefined ? [{ name: 'uring', create: createUringRelay, takesDescriptors: false }] : []),
];
