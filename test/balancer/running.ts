import type { ExecutionContext } from 'ava';
import pino from 'pino';
import type { HostParts } from '../../balancer/host-parts.ts';
import { startSupervisor } from '../../balancer/start-balancer.ts';
import type { Supervisor } from '../../balancer/supervisor.ts';
import type { Endpoint } from '../../lib/address/index.ts';
import { systemClock } from '../../lib/clock/index.ts';
import { ControlKey, createControlServer, type ControlServer } from '../../lib/control/index.ts';
import type { WatchedNode } from '../../node/node-status.ts';
import type { Topology } from '../../topology/index.ts';
import { deliveringLate } from '../late-delivery.ts';
import { aBalancer, aChatServer, aService, aTopology } from '../topology-fixture.ts';
import { FakeChatServer } from './chat-server.ts';
import { Client, type ClientOptions } from './client.ts';
import { until } from './until.ts';

export const key = ControlKey.fromSecret(Buffer.from('a secret of the tests, long enough'));

/** Addresses of one test: block `number` is 127.50.<number>.0/24. */
export class Block {
  readonly number: number;
  constructor(number: number) {
    this.number = number;
  }
  get balancer(): Endpoint {
    return { host: `127.50.${this.number}.1`, port: 9000 };
  }
  get vip(): Endpoint {
    return { host: `127.50.${this.number}.200`, port: 9000 };
  }
  server(index: number): Endpoint {
    return { host: `127.50.${this.number}.${10 + index}`, port: 7000 };
  }
  /** A topology of three chat servers and one balancer at this block's addresses. */
  topology(
    change: Partial<Omit<Topology, 'hash'>> = {},
    balancer: Partial<Topology['balancers'][number]> = {},
  ): Topology {
    return aTopology({
      services: [aService()],
      balancers: [aBalancer({ host: this.balancer.host, ...balancer })],
      chatservers: [1, 2, 3].map((index) => aChatServer(index, { address: this.server(index) })),
      ...change,
    });
  }
}

/** A running balancer with its surroundings; everything ends with the test. */
export class Running {
  readonly node: Supervisor;
  readonly control: ControlServer;
  readonly block: Block;
  /** Parsed log records of the workers. */
  readonly records: Record<string, unknown>[];
  /** Parsed log records of the supervisor. */
  readonly log: Record<string, unknown>[];
  readonly clients: Client[] = [];

  constructor(parts: Pick<Running, 'node' | 'control' | 'block' | 'records' | 'log'>) {
    this.node = parts.node;
    this.control = parts.control;
    this.block = parts.block;
    this.records = parts.records;
    this.log = parts.log;
  }

  client(options?: ClientOptions): Client {
    const client = new Client(this.block.balancer, options);
    this.clients.push(client);
    return client;
  }

  /** That many clients, each greeted. */
  greeted(count: number): Promise<Client[]> {
    return Promise.all(Array.from({ length: count }, () => this.client().greeted()));
  }

  watched(name: string): WatchedNode {
    return this.node.status().watches.find(({ node }) => node === name)!;
  }

  counter(name: string): number {
    return this.node.status().counters[name] ?? 0;
  }
}

/** Chat servers c1, c2 … at the addresses of the block. */
export async function chatServers(t: ExecutionContext, block: Block, count = 3): Promise<FakeChatServer[]> {
  const servers = Array.from(
    { length: count },
    (_, index) => new FakeChatServer(`c${index + 1}`, block.server(index + 1)),
  );
  t.teardown(() => Promise.all(servers.map((server) => server.close())));
  return Promise.all(servers.map((server) => server.open()));
}

/**
 * Starts balancer b1 of the topology and waits until its chat servers are up (`ready`: how many). What it announces
 * counts as delivered when `told` has resolved.
 */
export async function running(
  t: ExecutionContext,
  block: Block,
  topology: Topology,
  ready = topology.chatservers.length,
  told: Promise<void> = Promise.resolve(),
  host?: HostParts,
  options: { readonly sharing?: boolean } = {},
): Promise<Running> {
  const records: Record<string, unknown>[] = [];
  const log: Record<string, unknown>[] = [];
  const logger = pino(
    { level: 'debug' },
    { write: (line: string) => void log.push(JSON.parse(line) as Record<string, unknown>) },
  );
  const control = createControlServer({ key, cluster: topology.cluster, node: 'b1', log: logger });
  const node = await startSupervisor(
    {
      topology,
      node: 'b1',
      key,
      control: deliveringLate(control, told),
      log: logger,
      logFormat: 'json',
      clock: systemClock,
    },
    lines((line) => void records.push(JSON.parse(line) as Record<string, unknown>)),
    host,
    options,
  );
  const it = new Running({ node, control, block, records, log });
  t.teardown(async () => {
    for (const client of it.clients) client.close();
    await node.close();
    await control.close();
  });
  await until(
    'the chat servers are up',
    () => node.status().watches.filter(({ state }) => state === 'up').length >= ready,
  );
  return it;
}

/** Calls `take` with each whole line of what comes in chunks. */
export function lines(take: (line: string) => void): (chunk: string) => void {
  let rest = '';
  return (chunk) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop()!;
    for (const line of parts) take(line);
  };
}

/** Whether a process exists. */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
