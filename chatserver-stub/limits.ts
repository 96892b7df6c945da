/** Every limit of the chat protocol and of one chat server, in one place. docs/chat-protocol.md repeats those clients see. */

/** Longest line either side may send, in bytes without its line feed. */
export const mostLineBytes = 4_096;

/** Longest text of a say or tell, in bytes of its JSON form; leaves room for the names around it in one line. */
export const mostTextBytes = 3_500;

/** Longest name, in characters (code points). */
export const mostNameCharacters = 32;

/** People listed in an answer to `who`, spread over several lines; their total is always told. */
export const mostPeopleListed = 500;

/** Above this many people in the cluster, joins and leaves are not pushed one by one: the pushes grow with its square. */
export const mostPeopleAnnounced = 2_000;

/** Joins and leaves pushed at once (a chat server with many people came or went); beyond it, the new total is pushed. */
export const mostAnnouncedAtOnce = 500;

/** How long joins and leaves wait for more of their kind: each push is a write to everybody. */
export const presenceDelayMs = 50;

/** How often the number of people is pushed while they are too many to announce. */
export const crowdIntervalMs = 5_000;

/** How long a connection may stay without a login. */
export const loginTimeoutMs = 30_000;

/** How long a login waits for the other chat servers to agree that the name is free. */
export const claimWaitMs = 1_000;

/** Unread bytes a client may leave in this process before it is closed. */
export const mostOutgoingBytes = 256 * 1_024;

/** Client messages per second on average, and at once; a faster client is read more slowly, nothing is lost. */
export const messagesPerSecond = 200;
export const messagesAtOnce = 400;

/** What a `who` costs, in messages: its answer is the longest of all. */
export const whoCost = 10;

/** Backlog of the listener: reconnects come in floods. */
export const listenBacklog = 4_096;

/** Descriptors kept for everything that is not a client: control channel, files, timers, the listener itself. */
export const reservedDescriptors = 128;

/** Sessions, and tells, whose message ids are remembered; the oldest are forgotten first. */
export const mostSeenIds = 100_000;

/** TCP keepalive: idle time before the first probe. */
export const keepaliveMs = 300_000;

/** How long a closing client gets to read its last lines. */
export const goodbyeMs = 1_000;
