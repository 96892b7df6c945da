/**
 * Tier 3 stand-in: a small chat server and a chat client, for demos, tests and load. People on different chat
 * servers hear each other: the servers pass messages among themselves over the control channel (peers/).
 * docs/chat-protocol.md tells what is on the wire and what is guaranteed.
 */
export { createStartChatServer, startChatServer, type ChatServerNode } from './server.ts';
export type { ChatServerOptions } from './parts.ts';
export { ChatClient, type ChatClientHandlers, type ChatClientOptions, type PeopleHere } from './client.ts';
export type { ClientMessage, FaultCode, MessageId, Person, ServerMessage } from './protocol.ts';
