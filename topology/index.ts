/** What the cluster is: schema, loading, located errors, edits, sources. */
export * from './types.ts';
