/** What the tests of the chat server share: clusters of chat servers in this process, and talkers. */
import net from 'node:net';
import { pino } from 'pino';
import { formatEndpoint, type Endpoint } from '../../lib/address/index.ts';
import {
  createStartChatServer,
  type ChatServerNode,
  type ChatServerOptions,
} from '../../chatserver-stub/index.ts';
import { LineDecoder, encodeLine, overlong } from '../../chatserver-stub/line-codec.ts';
import type { ServerMessage } from '../../chatserver-stub/protocol.ts';
import { parseServerMessage } from '../../chatserver-stub/server-messages.ts';
import { systemClock, type Clock } from '../../lib/clock/index.ts';
import { ControlKey, createControlServer, type BoundControlServer } from '../../lib/control/index.ts';
import type { ChatServer, Topology } from '../../topology/index.ts';
import { deliveringLate } from '../late-delivery.ts';
import type { Teardown } from '../processes.ts';
import { until } from '../until.ts';

export const key = ControlKey.fromSecret(Buffer.from('a secret for the tests of the chat server'));
export const quiet = pino({ level: 'silent' });

/** A chat server as a topology has it. */
export function chatServerEntry(
  name: string,
  host: string,
  controlPort: number,
  more: Partial<ChatServer> = {},
): ChatServer {
  return {
    name,
    address: { host, port: 0 },
    controlPort,
    weight: 1,
    state: 'active',
    probe: { kind: 'headgate' },
    maxConnections: undefined,
    backup: false,
    ...more,
  };
}

export function topologyOf(chatservers: readonly ChatServer[], more: Partial<Topology> = {}): Topology {
  return {
    version: 1,
    cluster: 'chat',
    secret: { env: 'HEADGATE_SECRET' },
    secretAsWritten: { env: 'HEADGATE_SECRET' },
    hashKey: '00'.repeat(16),
    hashKeyIsDefault: false,
    heartbeat: { intervalMs: 200, misses: 3, rises: 2, deadAfterMs: 10_000 },
    flows: { capacity: 4_096, unconfirmed: 1_024, idleMs: 60_000, onFull: 'maglev', resetsPerSecond: 5_000 },
    graceMs: 1_000,
    services: [
      {
        name: 'chat',
        listen: { host: '127.60.0.250', port: 9000 },
        forwarding: 'proxy',
        balancing: {
          algorithm: 'round-robin',
          slowStartMs: 0,
          queue: { size: 0, timeoutMs: 5_000 },
          onDown: 'keep',
        },
        balancers: [],
        chatservers: chatservers.map(({ name }) => name),
        proxyProtocol: { accept: 'off', send: 'off' },
        connectTimeoutMs: 1_000,
        keepaliveMs: 300_000,
        userTimeoutMs: 300_000,
        bufferBytes: 65_536,
      },
    ],
    directors: [],
    balancers: [],
    chatservers,
    hash: 'abcdef0123456789',
    ...more,
  };
}

export interface RunningChatServer {
  readonly name: string;
  readonly host: string;
  readonly node: ChatServerNode;
  readonly control: BoundControlServer;
  readonly controlPort: number;
  /** Where clients connect. */
  readonly endpoint: Endpoint;
}

export interface ClusterOptions extends ChatServerOptions {
  readonly clock?: Clock;
  readonly topology?: Partial<Topology>;
  /** Where `from` finds the control port of `to`; default: at the port itself. */
  readonly way?: (from: string, to: string, port: number) => number;
  readonly entry?: Partial<ChatServer>;
  /** Whether the topology of one has the other; default: all have all. */
  readonly knows?: (one: string, other: string) => boolean;
  /** What a chat server announces counts as delivered when this has resolved; default: when it is. */
  readonly told?: Promise<void>;
}

/** Starts chat servers that know each other; `hosts` are loopback addresses, the nodes are c1, c2, …. */
export async function startCluster(
  t: Teardown,
  hosts: readonly string[],
  options: ClusterOptions = {},
): Promise<RunningChatServer[]> {
  const {
    way = (_from, _to, port) => port,
    topology,
    clock = systemClock,
    entry,
    knows = () => true,
    told = Promise.resolve(),
    ...serverOptions
  } = options;
  const controls = hosts.map((host, index) => ({
    name: `c${index + 1}`,
    host,
    control: createControlServer({ key, cluster: 'chat', node: `c${index + 1}`, log: quiet }),
  }));
  for (const { control, host } of controls) {
    await control.listen({ host, port: 0 });
    t.teardown(() => control.close());
  }
  return Promise.all(
    controls.map(async ({ name, host, control }) => {
      const entries = controls
        .filter((other) => knows(name, other.name))
        .map((other) =>
          chatServerEntry(other.name, other.host, way(name, other.name, portOf(other.control)), entry),
        );
      const node = await createStartChatServer(serverOptions)({
        topology: topologyOf(entries, topology),
        node: name,
        key,
        control: deliveringLate(control, told),
        log: quiet,
        logFormat: 'json',
        clock,
      });
      t.teardown(() => node.close());
      const endpoint = { host, port: node.port };
      return { name, host, node, control, controlPort: portOf(control), endpoint };
    }),
  );
}

export function portOf(control: BoundControlServer): number {
  const [endpoint] = control.endpoints();
  if (endpoint === undefined) throw new Error('the control server does not listen');
  return endpoint.port;
}

/** Waits until every chat server has told every other who is here. */
export async function linked(servers: readonly RunningChatServer[]): Promise<void> {
  for (const { name, node } of servers) {
    await until(() => (node.status().counters['peerSyncs'] ?? 0) >= servers.length - 1, {
      describe: `${name} to reach its peers`,
    });
  }
}

/** A person with a bare socket who keeps everything the server says. */
export class Talker {
  readonly socket: net.Socket;
  readonly heard: ServerMessage[] = [];
  /** How the server ended the connection. */
  end: 'fin' | 'reset' | undefined;
  readonly #where: string;

  constructor(t: Teardown, endpoint: Endpoint, options: { readonly read?: boolean } = {}) {
    this.#where = formatEndpoint(endpoint);
    this.socket = net.connect({ ...endpoint, allowHalfOpen: true });
    const decoder = new LineDecoder();
    if (options.read !== false) {
      this.socket.on('data', (chunk: Buffer) => {
        decoder.push(chunk);
        for (let line = decoder.next(); line !== undefined; line = decoder.next()) {
          const message = line === overlong ? undefined : parseServerMessage(line);
          if (message === undefined) throw new Error('the server sent what is no message');
          this.heard.push(message);
        }
      });
    }
    this.socket.on('end', () => (this.end ??= 'fin'));
    this.socket.on('error', () => (this.end ??= 'reset'));
    t.teardown(() => void this.socket.destroy());
  }

  send(message: object | string): void {
    this.socket.write(typeof message === 'string' ? message : encodeLine(message));
  }

  async login(name: string, session?: string): Promise<void> {
    this.send({ type: 'login', name, session });
    await this.hears({ type: 'welcome', name });
  }

  /** Everything heard that has these fields. */
  all(fields: object): ServerMessage[] {
    return this.heard.filter((message) => hasFields(message, fields));
  }

  /** Waits for `count` messages with these fields; the last of them. */
  async hears(fields: object, count = 1): Promise<ServerMessage> {
    const message = await until(() => this.all(fields)[count - 1], {
      describe: `${count} × ${JSON.stringify(fields)} at ${this.#where}; heard ${JSON.stringify(this.heard.slice(-5))}`,
      everyMs: 5,
    });
    return message;
  }

  async ended(): Promise<'fin' | 'reset'> {
    return until(() => this.end, { describe: 'the server to end the connection', everyMs: 5 });
  }
}

function hasFields(message: object, fields: object): boolean {
  const values = new Map<string, unknown>(Object.entries(message));
  return Object.entries(fields).every(([field, value]) => values.get(field) === value);
}

/** A TCP proxy whose connections a test may cut. */
export class Cutter {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  /** Where the next connection goes. */
  target: Endpoint | (() => Endpoint | undefined) | undefined;
  /** While true, new connections are reset. */
  refusing = false;

  constructor(t: Teardown) {
    this.#server = net.createServer((client) => {
      const target = typeof this.target === 'function' ? this.target() : this.target;
      if (target === undefined || this.refusing) {
        client.resetAndDestroy();
        return;
      }
      const server = net.connect(target);
      for (const [one, other] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#sockets.add(one);
        one.on('error', () => void other.destroy());
        one.on('close', () => {
          this.#sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
    t.teardown(() => {
      this.cut();
      this.#server.close();
    });
  }

  async listen(host: string): Promise<number> {
    await new Promise<void>((resolve) => void this.#server.listen(0, host, resolve));
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the cutter does not listen');
    return address.port;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Resets every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }
}
