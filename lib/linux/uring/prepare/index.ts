/**
 * One function per operation: each writes one request into the Sqe it is given and returns it, for link() and the
 * like. The comments say what the completion's result is; failures are negative errnos there. What must stay in memory
 * until when is said where it matters.
 */
export * from './accept.ts';
export * from './cancel.ts';
export * from './descriptor.ts';
export * from './other.ts';
export * from './poll.ts';
export * from './socket.ts';
export * from './timeout.ts';
export * from './transfer.ts';
