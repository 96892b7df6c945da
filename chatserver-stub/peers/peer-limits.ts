/** Limits of what chat servers tell each other. */

/** Events kept for one peer that does not take them; beyond it they are given up and the people told anew. */
export const outboxLimits = { mostEvents: 20_000, mostBytes: 16 * 1_024 * 1_024 } as const;

/** One request: small enough for any frame, large enough that a busy room needs few of them. */
export const batchEvents = 256;
export const batchBytes = 48 * 1_024;

/** People per request when all are told; each takes at most about 300 bytes. */
export const batchPeople = 128;

/** How long a request to a peer may take. */
export const requestTimeoutMs = 5_000;

/** First and longest pause between attempts to reach a peer. */
export const firstRetryMs = 100;
export const longestRetryMs = 2_000;

/** A peer whose process is gone (its port refuses, or is another's) or whose connection ended is given this long to come back. */
export const closedGraceMs = 2_000;

/** How long the place in the stream of a silent peer is remembered, so that nothing is taken twice. */
export const rememberMs = 60_000;

/** Processes of the same node at once: the old one drains while the new one starts. */
export const mostIncarnations = 4;

/** Most people one chat server may have; more are not listed. */
export const mostPeoplePerPeer = 200_000;

/** Chat servers that one may exchange messages with; a topology has at most 1,024 nodes per tier. */
export const mostPeers = 1_024;

/** Chat servers outside of the topology that one exchanges messages with: removed ones with people, or ones to come. */
export const mostUnlisted = 64;

/** Longest name of a node in what a peer tells of itself and of others. */
export const longestNodeName = 63;

/** How long a chat server that took our people may take to tell its own, before a login no longer waits for it. */
export const meetMs = 2_000;
