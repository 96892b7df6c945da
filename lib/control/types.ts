/**
 * The control channel: one port per node. The server greets with one clear line, `headgate/1 key=<key id>`, then
 * TLS 1.3 with the pre-shared key begins on the same connection; inside it, frames.
 */
import type { Endpoint } from '../address/index.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Who the other end says it is; true because only holders of the cluster secret get this far. */
export interface PeerIdentity {
  readonly cluster: string;
  readonly node: string;
}

/** A connected peer, as the server's handlers see it. */
export interface ControlPeer {
  readonly identity: PeerIdentity;
  readonly remote: string;
  /** Unique per connection in this process. */
  readonly id: number;
  /** True on the unix socket. */
  readonly local: boolean;
  /**
   * One-way message to the peer. False when its queue is full (counted) or it is gone. `flushed` runs when the
   * message has been handed to the kernel; never when the connection ends before.
   */
  notify(method: string, body: Json, flushed?: () => void): boolean;
  /** Runs once when the connection has ended; at once when it already has. */
  onClose(run: () => void): void;
}

export type RequestHandler = (body: Json, peer: ControlPeer) => Json | Promise<Json>;

/** Each counts from start; the comment says whether it is expected to move in production. */
export interface ControlServerStats {
  /** Connections accepted. Expected. */
  accepted: number;
  /** Handshakes refused because the key differs. Not expected. */
  refusedKey: number;
  /** Connections closed because they spoke garbage or broke the frame rules. Not expected. */
  refusedProtocol: number;
  /** Connections closed because they did not finish the handshake, or then said nothing, in time. Rare. */
  timedOut: number;
  /** Connections closed because a connection limit was reached. Not expected. */
  refusedLimit: number;
  /** Messages dropped because a peer did not read them. Rare. */
  droppedMessages: number;
  /** Open now. */
  open: number;
}

export interface ControlServer {
  /** Answers `method` requests; also receives one-way messages of that name (the result is then dropped). */
  handle(method: string, handler: RequestHandler): void;
  /** Throws HEADGATE_CONTROL_PORT_TAKEN and others with the cure. May be called for more than one endpoint. */
  listen(endpoint: Endpoint): Promise<void>;
  /** Listens on a unix socket of mode 0600, without TLS: whoever may open the file may ask. */
  listenLocal(path: string): Promise<void>;
  stats(): ControlServerStats;
  close(): Promise<void>;
}

export type CloseReason = 'ended' | 'reset' | 'timeout' | 'protocol' | 'local';

export interface ControlConnection {
  /** Rejects with HEADGATE_CONTROL_CLOSED, _TIMEOUT, or _REFUSED_REQUEST carrying the peer's message. */
  request(method: string, body: Json, timeoutMs: number): Promise<Json>;
  /** False when the queue is full or the connection is closed. */
  notify(method: string, body: Json): boolean;
  /** Receives one-way messages from the peer. */
  onNotify(handler: (method: string, body: Json) => void): void;
  onClose(run: (reason: CloseReason) => void): void;
  /** Idempotent. */
  close(): void;
}
