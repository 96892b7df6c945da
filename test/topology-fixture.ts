import type { Balancer, Balancing, ChatServer, Service, Topology } from '../topology/index.ts';

/** Round robin with every default; `change` overrides. */
export function aBalancing(change: Partial<Balancing> = {}): Balancing {
  return {
    algorithm: 'round-robin',
    slowStartMs: 0,
    queue: { size: 0, timeoutMs: 5_000 },
    onDown: 'keep',
    ...change,
  };
}

/** A service `chat` on port 9000 with every default; `change` overrides. */
export function aService(change: Partial<Service> = {}): Service {
  return {
    name: 'chat',
    listen: { host: '127.50.0.1', port: 9000 },
    forwarding: 'auto',
    balancing: aBalancing(),
    balancers: ['b1'],
    chatservers: ['c1', 'c2', 'c3'],
    proxyProtocol: { accept: 'off', send: 'off' },
    connectTimeoutMs: 3_000,
    keepaliveMs: 300_000,
    userTimeoutMs: 300_000,
    bufferBytes: 262_144,
    ...change,
  };
}

export function aBalancer(change: Partial<Balancer> = {}): Balancer {
  return {
    name: 'b1',
    host: '127.50.1.1',
    controlPort: 7400,
    ports: {},
    weight: 1,
    state: 'active',
    probe: { kind: 'headgate' },
    workers: 1,
    maxConnections: undefined,
    engine: 'auto',
    sources: [],
    ...change,
  };
}

/** Chat server `name` at 127.50.2.<number>:7000, probed by a TCP connect. */
export function aChatServer(number: number, change: Partial<ChatServer> = {}): ChatServer {
  return {
    name: `c${number}`,
    address: { host: `127.50.2.${number}`, port: 7000 },
    controlPort: 7400,
    weight: 1,
    state: 'active',
    probe: { kind: 'tcp' },
    maxConnections: undefined,
    backup: false,
    ...change,
  };
}

/** One director (127.50.0.2), one balancer, three chat servers; `change` overrides. The hash is made up from the content. */
export function aTopology(change: Partial<Omit<Topology, 'hash'>> = {}): Topology {
  const topology = {
    version: 1,
    cluster: 'test',
    secret: { env: 'HEADGATE_TEST_SECRET' },
    secretAsWritten: { env: 'HEADGATE_TEST_SECRET' },
    hashKey: '000102030405060708090a0b0c0d0e0f',
    hashKeyIsDefault: false,
    heartbeat: { intervalMs: 1_000, misses: 3, rises: 2, deadAfterMs: 10_000 },
    flows: { capacity: 4_096, unconfirmed: 1_024, idleMs: 60_000, onFull: 'maglev', resetsPerSecond: 5_000 },
    graceMs: 5_000,
    services: [aService()],
    directors: [{ name: 'd1', host: '127.50.0.2', interface: undefined, controlPort: 7400 }],
    balancers: [aBalancer()],
    chatservers: [aChatServer(1), aChatServer(2), aChatServer(3)],
    ...change,
  } as const satisfies Omit<Topology, 'hash'>;
  return { ...topology, hash: contentHash(topology) };
}

/** Sixteen hexadecimal digits that change with the content. */
function contentHash(content: object): string {
  let hash = 14_695_981_039_346_656_037n;
  for (const byte of Buffer.from(JSON.stringify(content))) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 1_099_511_628_211n);
  }
  return hash.toString(16).padStart(16, '0');
}
