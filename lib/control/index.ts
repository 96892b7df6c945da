/** The control channel between nodes. */
export * from './types.ts';
export { ControlKey } from './key.ts';
