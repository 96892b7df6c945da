import { createNodeRelay, type CreateRelay } from '../../../lib/relay/index.ts';

/** An engine under the contract tests. */
export interface Engine {
  readonly name: string;
  readonly create: CreateRelay;
}

/** Every engine runs the same contract; add one here and it is tested. */
export const engines: readonly Engine[] = [{ name: 'node', create: createNodeRelay }];
