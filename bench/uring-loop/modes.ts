/**
 * Ways to serve. `loop`: RingLoop, in the thread of Node's event loop. `thread`: a thread that blocks in its ring. `node`:
 * streams of node:net, for comparison.
 */
export const modes = ['loop', 'thread', 'node'] as const;

export type Mode = (typeof modes)[number];
