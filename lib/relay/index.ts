/** Joins two TCP connections. */
export * from './types.ts';
