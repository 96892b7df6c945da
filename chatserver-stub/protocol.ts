/**
 * The messages of the chat protocol: one JSON object per line, UTF-8, over TCP. docs/chat-protocol.md tells it to
 * newcomers.
 */

/** Somebody who is logged in, and the name of the chat server that holds the connection. */
export interface Person {
  readonly name: string;
  readonly server: string;
}

/** Numbers the says and tells of one session, growing; asks for an acknowledgement and makes sending again safe. */
export type MessageId = number;

export type ClientMessage =
  | { readonly type: 'login'; readonly name: string; readonly session?: string }
  | { readonly type: 'say'; readonly text: string; readonly id?: MessageId }
  | { readonly type: 'tell'; readonly to: string; readonly text: string; readonly id?: MessageId }
  | { readonly type: 'who' }
  | { readonly type: 'ping' };

/** Why a client's message was refused (`error`) or its connection ended (`bye`). */
export const faultCodes = [
  'not-json',
  'line-too-long',
  'bad-message',
  'bad-name',
  'bad-text',
  'name-taken',
  'not-logged-in',
  'already-logged-in',
  'no-such-person',
  'login-timeout',
  'replaced',
  'closing',
] as const;
export type FaultCode = (typeof faultCodes)[number];

export type ServerMessage =
  | { readonly type: 'welcome'; readonly name: string; readonly server: string; readonly people: number }
  | ({ readonly type: 'joined' } & Person)
  | ({ readonly type: 'left' } & Person)
  /** Instead of joined and left when there are too many people to announce each. */
  | { readonly type: 'crowd'; readonly people: number }
  | { readonly type: 'message'; readonly from: string; readonly server: string; readonly text: string }
  | { readonly type: 'told'; readonly from: string; readonly server: string; readonly text: string }
  | { readonly type: 'delivered'; readonly id: MessageId }
  | {
      readonly type: 'who';
      readonly people: readonly Person[];
      /** Everybody in the cluster, listed or not. */
      readonly total: number;
      /** True when the next line continues the list. */
      readonly more: boolean;
    }
  | { readonly type: 'pong' }
  /** Load for tests (`--push-interval`). */
  | { readonly type: 'push'; readonly seq: number }
  /** One message was refused; the connection goes on. */
  | { readonly type: 'error'; readonly code: FaultCode; readonly message: string; readonly id?: MessageId }
  /** The server's last line before it ends the connection. */
  | { readonly type: 'bye'; readonly code: FaultCode; readonly message: string };

/** A message that breaks the protocol. */
export interface Fault {
  readonly fault: FaultCode;
  readonly message: string;
}

export function isFault(value: object): value is Fault {
  return 'fault' in value;
}
