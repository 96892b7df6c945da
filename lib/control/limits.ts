/** Every limit of the control channel, with its reason. */
export interface ControlLimits {
  /** Longest greeting line a client reads, bytes. Ours has 24; the rest is room for later versions. */
  readonly greetingBytes: number;
  /** Largest frame, bytes with its header. A full status of some thousand nodes fits; a peer cannot make us hold more. */
  readonly frameBytes: number;
  /** Connections that have not said hello yet; one more closes the oldest, so that silent ones cannot lock others out. */
  readonly unauthenticated: number;
  /** Longest time from accept to hello, milliseconds. Four round trips and two small computations are far less. */
  readonly handshakeMs: number;
  /** Authenticated connections of one server. Every node of a large cluster twice. */
  readonly peers: number;
  /** Authenticated connections from one address, so that one broken node cannot use up `peers`. */
  readonly peersPerRemote: number;
  /** Requests of one peer being worked on. */
  readonly requestsPerPeer: number;
  /** Bytes that may wait for a peer to read them; beyond, nothing more is queued, so one frame more at the most. */
  readonly queueBytes: number;
  /** A connection on which nothing came for so long is closed. Clients ask `ping` at a third of it. */
  readonly silenceMs: number;
  /** How long a connection that is being closed may take to deliver what was queued. */
  readonly closeGraceMs: number;
  /** At most one log line per remote address and kind of trouble in this time. */
  readonly logIntervalMs: number;
  /** Remote addresses whose log lines are told apart; beyond, they share one allowance. */
  readonly logRemotes: number;
}

export const controlLimits: ControlLimits = {
  greetingBytes: 64,
  frameBytes: 1_048_576,
  unauthenticated: 256,
  handshakeMs: 3_000,
  peers: 1_024,
  peersPerRemote: 128,
  requestsPerPeer: 64,
  queueBytes: 1_048_576,
  silenceMs: 60_000,
  closeGraceMs: 1_000,
  logIntervalMs: 10_000,
  logRemotes: 1_024,
};
