import type { ExecutionContext } from 'ava';
import type { Endpoint } from '../../../lib/address/index.ts';
import type { HeadgateError } from '../../../lib/errors/index.ts';
import type {
  ConnectionRecord,
  Destination,
  ListenSpec,
  Relay,
  RelayClient,
  RelayListener,
  RelayOptions,
  RelaySettings,
  Router,
} from '../../../lib/relay/index.ts';
import type { Engine } from './engines.ts';
import { connectPeer, servePeers, type Peer, type PeerServer } from './peer.ts';
import { until } from '../../until.ts';

/** Timeouts that no test waits for: those that mean them set shorter ones or own the clock. */
export const settings: RelaySettings = {
  connectTimeoutMs: 60_000,
  keepaliveMs: 60_000,
  userTimeoutMs: 60_000,
  bufferBytes: 65_536,
  headerTimeoutMs: 60_000,
};

/** What a router was told, in order. */
export interface Failure {
  readonly client: RelayClient;
  readonly destination: Destination;
  readonly error: HeadgateError;
}

export type Route = Router['route'];

/** A router that notes everything and keeps account of the places it gave away. */
export class NotingRouter implements Router {
  decide: Route;
  readonly routed: RelayClient[] = [];
  readonly failures: Failure[] = [];
  readonly joins: string[] = [];
  readonly records: ConnectionRecord[] = [];
  /** Answers given and not yet taken back by failed() or ended(). */
  places = 0;

  constructor(decide: Route) {
    this.decide = decide;
  }

  route(client: RelayClient, tried: readonly string[]): ReturnType<Route> {
    this.routed.push(client);
    const note = (answer: Destination | null): Destination | null => {
      if (answer !== null) this.places++;
      return answer;
    };
    const answer = this.decide(client, tried);
    return answer instanceof Promise ? answer.then(note) : note(answer);
  }

  connected(_client: RelayClient, destination: Destination): void {
    this.joins.push(destination.id);
  }

  failed(client: RelayClient, destination: Destination, error: HeadgateError): void {
    this.places--;
    this.failures.push({ client, destination, error });
  }

  ended(record: ConnectionRecord): void {
    if (record.destination !== null) this.places--;
    this.records.push(record);
  }

  /** The record of that index, as soon as there is one. */
  async record(index = 0): Promise<ConnectionRecord> {
    await until(() => this.records.length > index, `record ${index} is told`);
    return this.records[index]!;
  }
}

export interface LabOptions {
  readonly spec?: Partial<ListenSpec>;
  readonly settings?: Partial<RelaySettings>;
  readonly relay?: Partial<RelayOptions>;
  /** Default: everybody to `server`. */
  readonly route?: Route;
  readonly serverReads?: boolean;
  readonly serverHost?: string;
}

/** One relay, one server behind it, as many clients as wanted; all of it is gone after the test. */
export class Lab {
  readonly relay: Relay;
  readonly listener: RelayListener;
  readonly router: NotingRouter;
  readonly server: PeerServer;
  readonly #clients: Peer[] = [];

  private constructor(relay: Relay, listener: RelayListener, router: NotingRouter, server: PeerServer) {
    this.relay = relay;
    this.listener = listener;
    this.router = router;
    this.server = server;
  }

  static async start(t: ExecutionContext, engine: Engine, options: LabOptions = {}): Promise<Lab> {
    const server = await servePeers({
      ...(options.serverReads === undefined ? {} : { reads: options.serverReads }),
      ...(options.serverHost === undefined ? {} : { host: options.serverHost }),
    });
    const router = new NotingRouter(options.route ?? (() => to('server', server.endpoint)));
    const relay = engine.create({ router, limit: 1_000, ...options.relay });
    const listener = await relay.listen({
      service: 'chat',
      endpoint: { host: '127.30.0.1', port: 0 },
      backlog: 512,
      reusePort: false,
      acceptProxy: [],
      settings: { ...settings, ...options.settings },
      ...options.spec,
    });
    const lab = new Lab(relay, listener, router, server);
    t.teardown(() => lab.stop());
    return lab;
  }

  get endpoint(): Endpoint {
    return this.listener.spec.endpoint;
  }

  async client(options: { reads?: boolean; from?: string } = {}): Promise<Peer> {
    const client = await connectPeer(this.endpoint, options);
    this.#clients.push(client);
    return client;
  }

  /** A client and its server's end, joined. */
  async pair(options: { reads?: boolean } = {}): Promise<[Peer, Peer]> {
    const index = this.server.peers.length;
    const client = await this.client(options);
    const server = await this.server.peer(index);
    await until(() => this.router.joins.length > index, 'a connection is joined');
    return [client, server];
  }

  /** Closes the relay and checks what must hold after any test: one record each, no place kept, nothing counted open. */
  async audit(t: ExecutionContext): Promise<void> {
    await this.relay.close();
    const stats = this.relay.stats();
    const ids = this.router.records.map((record) => record.client.id);
    t.is(ids.length, stats.accepted, 'one record per accepted connection');
    t.is(new Set(ids).size, ids.length, 'no record twice');
    t.is(this.router.places, 0, 'every answer of route() is paired');
    t.is(stats.connections, 0);
    t.is(this.relay.destinations().size, 0);
  }

  /** Closes all that is still open; also called after the test. */
  async stop(): Promise<void> {
    await this.relay.close();
    this.server.close();
    for (const client of this.#clients) client.socket.destroy();
  }
}

/** A promise and its resolver. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

export function to(id: string, endpoint: Endpoint, preface?: Uint8Array): Destination {
  return preface === undefined ? { id, endpoint } : { id, endpoint, preface };
}
