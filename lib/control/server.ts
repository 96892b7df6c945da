/** The server of the control channel: admits who holds the key, hands requests to handlers, bounds everything. */
import net from 'node:net';
import type { Logger } from 'pino';
import { canonicalAddress, type Endpoint } from '../address/index.ts';
import { systemClock, type Clock } from '../clock/index.ts';
import { HeadgateError } from '../errors/index.ts';
import type { Frame } from './frame.ts';
import { helloBody, readHello } from './hello.ts';
import type { ControlKeys } from './key-ring.ts';
import { controlLimits, type ControlLimits } from './limits.ts';
import { Link } from './link.ts';
import { listenTcp, listenUnix } from './listen.ts';
import { LogLimiter } from './log-limiter.ts';
import { Peer, type PeerContext } from './peer.ts';
import { serverHandshake, type HandshakeResult } from './server-handshake.ts';
import type { ControlServer, ControlServerStats, PeerIdentity, RequestHandler } from './types.ts';
import { WaitingRoom } from './waiting-room.ts';
import { toWire } from './wire-error.ts';

export interface ControlServerOptions {
  /** May change: peers whose key is no longer accepted are then closed, some at a time, and connect again. */
  readonly key: ControlKeys;
  /** Clients of another cluster are refused. */
  readonly cluster: string;
  /** Name of this node, told to clients. */
  readonly node: string;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly limits?: Partial<ControlLimits>;
}

/** A control server that also tells where it listens, for those who asked for port 0. */
export interface BoundControlServer extends ControlServer {
  endpoints(): readonly Endpoint[];
}

/** Peers closed at once when their key is dropped, and the pause before the next ones. */
const dropSlice = 64;
const dropPauseMs = 100;

/** What is known of a connection before its hello. */
interface Arrival {
  readonly raw: net.Socket;
  readonly remote: string;
  readonly local: boolean;
  /** Of the key that was proved; empty on the unix socket. */
  readonly keyId: string;
}

export function createControlServer(options: ControlServerOptions): BoundControlServer {
  return new Server(options);
}

class Server implements BoundControlServer {
  readonly #key: ControlKeys;
  readonly #identity: PeerIdentity;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #limits: ControlLimits;
  readonly #lines: LogLimiter;
  readonly #waiting: WaitingRoom;
  readonly #handlers = new Map<string, RequestHandler>();
  readonly #context: PeerContext;
  readonly #listeners = new Set<net.Server>();
  readonly #endpoints: Endpoint[] = [];
  /** Every open connection. */
  readonly #raws = new Set<net.Socket>();
  /** Those that belong to a peer. */
  readonly #peerRaws = new Set<net.Socket>();
  /** With the id of the key each has proved. */
  readonly #peers = new Map<Peer, string>();
  readonly #peersByRemote = new Map<string, number>();
  readonly #stats: ControlServerStats = {
    accepted: 0,
    refusedKey: 0,
    refusedProtocol: 0,
    timedOut: 0,
    refusedLimit: 0,
    droppedMessages: 0,
    open: 0,
  };
  #nextPeerId = 1;
  #closing = false;

  constructor(options: ControlServerOptions) {
    this.#key = options.key;
    this.#identity = { cluster: options.cluster, node: options.node };
    this.#log = options.log;
    this.#clock = options.clock ?? systemClock;
    this.#limits = { ...controlLimits, ...options.limits };
    const { unauthenticated, handshakeMs, logIntervalMs, logRemotes } = this.#limits;
    this.#lines = new LogLimiter(this.#clock, logIntervalMs, logRemotes);
    this.#waiting = new WaitingRoom(this.#clock, unauthenticated, handshakeMs, (socket, why) => {
      this.#turnedOut(remoteOf(socket), why);
    });
    this.#context = {
      handlers: this.#handlers,
      limits: this.#limits,
      stats: this.#stats,
      log: this.#log,
      lines: this.#lines,
    };
    this.handle('ping', () => null);
    this.#key.onChange?.(() => this.#closeDropped());
  }

  handle(method: string, handler: RequestHandler): void {
    if (this.#handlers.has(method)) throw new Error(`control method ${method} has a handler already`);
    this.#handlers.set(method, handler);
  }

  async listen(endpoint: Endpoint): Promise<void> {
    const server = this.#listener((raw) =>
      this.#greet({ raw, remote: remoteOf(raw), local: false, keyId: '' }),
    );
    this.#endpoints.push(await listenTcp(server, endpoint));
    await this.#keep(server);
  }

  async listenLocal(path: string): Promise<void> {
    const server = this.#listener((raw) =>
      this.#awaitHello({ raw, remote: 'local', local: true, keyId: '' }, raw),
    );
    await listenUnix(server, path);
    await this.#keep(server);
  }

  endpoints(): readonly Endpoint[] {
    return [...this.#endpoints];
  }

  stats(): ControlServerStats {
    return { ...this.#stats, open: this.#raws.size };
  }

  async close(): Promise<void> {
    this.#closing = true;
    const ends = [...this.#listeners].map(closeListener);
    this.#listeners.clear();
    for (const peer of this.#peers.keys()) peer.close('the node closes its control channel');
    for (const raw of this.#raws) {
      ends.push(new Promise((resolve) => raw.once('close', () => resolve())));
      if (!this.#peerRaws.has(raw)) raw.destroy();
    }
    await Promise.all(ends);
  }

  #listener(arrived: (raw: net.Socket) => void): net.Server {
    const server = net.createServer({ noDelay: true, keepAlive: true }, (raw) => {
      this.#stats.accepted += 1;
      this.#raws.add(raw);
      // What failed is told by the layer above; without a listener it would end the process.
      raw.on('error', () => raw.destroy());
      raw.on('close', () => {
        this.#raws.delete(raw);
        this.#peerRaws.delete(raw);
        this.#waiting.leave(raw);
      });
      if (this.#closing) raw.destroy();
      else this.#waiting.enter(raw);
      if (!raw.destroyed) arrived(raw);
    });
    return server;
  }

  async #keep(server: net.Server): Promise<void> {
    server.on('error', (error) => this.#tell('', `cannot accept a control connection: ${error.message}`));
    if (this.#closing) await closeListener(server);
    else this.#listeners.add(server);
  }

  #turnedOut(remote: string, why: 'timeout' | 'room'): void {
    const { unauthenticated, handshakeMs } = this.#limits;
    if (why === 'timeout') {
      this.#stats.timedOut += 1;
      this.#tell(remote, `closed ${remote}: no hello within ${handshakeMs} ms`);
    } else {
      this.#stats.refusedLimit += 1;
      this.#tell(remote, `closed ${remote}: ${unauthenticated} newer connections wait for a handshake`);
    }
  }

  #greet(arrival: Arrival): void {
    serverHandshake(arrival.raw, this.#key, (result) => this.#secured(arrival, result));
  }

  #secured(arrival: Arrival, result: HandshakeResult): void {
    const { remote } = arrival;
    switch (result.kind) {
      case 'secure':
        this.#awaitHello({ ...arrival, keyId: result.keyId }, result.stream);
        return;
      case 'key-refused': {
        this.#stats.refusedKey += 1;
        const theirs =
          result.theirId === undefined ? 'it cannot prove our key' : `its key id is ${result.theirId}`;
        this.#tell(
          remote,
          `refused ${remote}: our key id is ${this.#key.presented.id}, ${theirs}; copy the same key file to both nodes`,
        );
        return;
      }
      case 'garbage':
        this.#refuseProtocol(remote, result.why);
    }
  }

  #awaitHello(arrival: Arrival, stream: net.Socket): void {
    let peer: Peer | undefined;
    const link = new Link({
      stream,
      clock: this.#clock,
      limits: this.#limits,
      onFrame: (frame) => {
        if (peer !== undefined) return peer.receive(frame);
        if (frame.kind !== 'hello') return `the first frame is a ${frame.kind} instead of a hello`;
        peer = this.#welcome(arrival, link, frame);
        return undefined;
      },
    });
    link.onClose((reason, detail) => {
      if (reason === 'protocol') this.#refuseProtocol(arrival.remote, detail);
      if (reason === 'timeout') this.#stats.timedOut += 1;
      if (peer !== undefined) this.#peerLeft(peer);
    });
  }

  /** Answers a hello; returns the new peer unless it is refused. */
  #welcome(arrival: Arrival, link: Link, frame: Frame): Peer | undefined {
    const identity = arrival.local ? { ...this.#identity, node: 'local' } : readHello(frame.body);
    if (identity === undefined) {
      link.end('protocol', 'a hello without cluster and node');
      return undefined;
    }
    const refusal = this.#accepts(arrival)
      ? this.#refusal(identity, arrival.remote)
      : new HeadgateError(
          'HEADGATE_CONTROL_KEY_MISMATCH',
          `key id ${arrival.keyId} is not accepted any more`,
        );
    if (refusal !== undefined) {
      this.#tell(arrival.remote, `refused ${identity.node} at ${arrival.remote}: ${refusal.message}`);
      link.send({ kind: 'error', id: frame.id, method: '', body: toWire(refusal) });
      // Still in the waiting room, which bounds how long the refused client may take to read this.
      link.endGently(refusal.message);
      return undefined;
    }
    this.#waiting.leave(arrival.raw);
    const peer = new Peer({ ...arrival, identity, id: this.#nextPeerId++ }, link, this.#context);
    this.#peers.set(peer, arrival.keyId);
    this.#peerRaws.add(arrival.raw);
    this.#peersByRemote.set(peer.remote, (this.#peersByRemote.get(peer.remote) ?? 0) + 1);
    link.send({ kind: 'response', id: frame.id, method: '', body: helloBody(this.#identity) });
    return peer;
  }

  #accepts({ local, keyId }: Pick<Arrival, 'local' | 'keyId'>): boolean {
    return local || this.#key.accepted.some(({ id }) => id === keyId);
  }

  /** Whoever proved a key that is dropped has to prove another one; in slices, as the waiting room is bounded. */
  #closeDropped(): void {
    const dropped = [...this.#peers].filter(([{ local }, keyId]) => !this.#accepts({ local, keyId }));
    for (const [peer] of dropped.slice(0, dropSlice)) peer.close('its key is not accepted any more');
    if (dropped.length > dropSlice) this.#clock.after(dropPauseMs, () => this.#closeDropped(), true);
  }

  #refusal(identity: PeerIdentity, remote: string): HeadgateError | undefined {
    if (identity.cluster !== this.#identity.cluster) {
      this.#stats.refusedProtocol += 1;
      const message = `our cluster is ${this.#identity.cluster}, that of ${identity.node} is ${identity.cluster}`;
      return new HeadgateError('HEADGATE_CONTROL_CLUSTER_MISMATCH', message);
    }
    const { peers, peersPerRemote } = this.#limits;
    const full = this.#peers.size >= peers;
    if (!full && (this.#peersByRemote.get(remote) ?? 0) < peersPerRemote) return undefined;
    this.#stats.refusedLimit += 1;
    const what = full
      ? `${peers} control connections`
      : `${peersPerRemote} control connections from ${remote}`;
    return new HeadgateError('HEADGATE_CONTROL_BUSY', `${what} are open already`);
  }

  #peerLeft(peer: Peer): void {
    this.#peers.delete(peer);
    const left = (this.#peersByRemote.get(peer.remote) ?? 1) - 1;
    if (left === 0) this.#peersByRemote.delete(peer.remote);
    else this.#peersByRemote.set(peer.remote, left);
  }

  #refuseProtocol(remote: string, why: string): void {
    this.#stats.refusedProtocol += 1;
    this.#tell(remote, `closed ${remote}: ${why}`);
  }

  #tell(remote: string, line: string): void {
    const heldBack = this.#lines.admit(remote);
    if (heldBack === undefined) return;
    this.#log.warn({ remote, ...(heldBack > 0 && { heldBack }) }, `control: ${line}`);
  }
}

function remoteOf(raw: net.Socket): string {
  const address = raw.remoteAddress ?? 'unknown';
  return canonicalAddress(address) ?? address;
}

async function closeListener(server: net.Server): Promise<void> {
  await new Promise<void>((resolve) => server.close(() => resolve()));
}
