import { tunedUringRelay } from '../../../lib/relay/uring/relay.ts';
import {
  createNodeRelay,
  createUringRelay,
  missingForUring,
  type CreateRelay,
} from '../../../lib/relay/index.ts';

/** An engine under the contract tests. */
export interface Engine {
  readonly name: string;
  readonly create: CreateRelay;
  /** Whether each connection takes descriptors of the process. */
  readonly takesDescriptors: boolean;
}

/** Why the `uring` engine is not tested here; undefined: it is. */
export const uringMissing = missingForUring();

/**
 * Every engine runs the same contract; add one here and it is tested. The scarce one has two receive buffers and lacks what
 * came with Linux 6.17, so that the ways for rare cases are taken all the time. The one of many rings has a few connections in each.
 */
export const engines: readonly Engine[] = [
  { name: 'node', create: createNodeRelay, takesDescriptors: true },
  ...(uringMissing === undefined ? uringEngines() : []),
];

function uringEngines(): Engine[] {
  const scarce = tunedUringRelay({ buffers: 2, boundsReceives: false });
  const many = tunedUringRelay({ rings: 12, rows: 6 });
  return [
    { name: 'uring', create: createUringRelay, takesDescriptors: false },
    { name: 'uring, scarce', create: scarce, takesDescriptors: false },
    { name: 'uring, many rings', create: many, takesDescriptors: false },
  ];
}
