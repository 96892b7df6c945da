import { pino, type Logger } from 'pino';
import type {
  HealthState,
  Heartbeats,
  HeartbeatsOptions,
  HeartbeatTarget,
  TargetHealth,
} from '../../lib/heartbeat/index.ts';
import type { Balancer, Service, Topology } from '../../topology/index.ts';
import { buildForwardingTable, type ForwardingTable } from '../../director/index.ts';

export const hashKey = '000102030405060708090a0b0c0d0e0f';

export function service(name: string, change: Partial<Service> = {}): Service {
  return {
    name,
    listen: { host: '127.40.0.1', port: 9_000 },
    forwarding: 'proxy',
    balancing: {
      algorithm: 'round-robin',
      slowStartMs: 0,
      queue: { size: 0, timeoutMs: 5_000 },
      onDown: 'keep',
    },
    balancers: [],
    chatservers: [],
    proxyProtocol: { accept: 'off', send: 'off' },
    connectTimeoutMs: 1_000,
    keepaliveMs: 300_000,
    userTimeoutMs: 300_000,
    bufferBytes: 65_536,
    ...change,
  };
}

export function balancer(name: string, change: Partial<Balancer> = {}): Balancer {
  return {
    name,
    host: '127.40.1.1',
    controlPort: 7_400,
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

/** One director d1, and services that use every balancer unless they name theirs. */
export function topology(
  balancers: readonly Balancer[],
  services: readonly Service[] = [service('chat')],
  change: Partial<Topology> = {},
): Topology {
  const names = balancers.map(({ name }) => name);
  return {
    version: 1,
    cluster: 'test',
    secret: { env: 'NOT_READ_HERE' },
    secretAsWritten: { env: 'NOT_READ_HERE' },
    hashKey,
    hashKeyIsDefault: false,
    heartbeat: { intervalMs: 1_000, misses: 3, rises: 2, deadAfterMs: 10_000 },
    flows: { capacity: 4_096, unconfirmed: 1_024, idleMs: 60_000, onFull: 'maglev', resetsPerSecond: 5_000 },
    graceMs: 1_000,
    services: services.map((one) => (one.balancers.length === 0 ? { ...one, balancers: names } : one)),
    directors: [{ name: 'd1', host: '127.40.0.1', interface: undefined, controlPort: 7_400 }],
    balancers,
    chatservers: [],
    hash: '0123456789abcdef',
    ...change,
  };
}

/** Health of a balancer that a foreign probe finds up, unless changed. */
export function health(id: string, change: Partial<TargetHealth> = {}): TargetHealth {
  return { id, state: 'up', misses: 0, dead: false, sinceMs: 0, reply: null, lastFailure: '', ...change };
}

export interface TableState {
  /** Health by id; what is missing is up. */
  readonly health?: Readonly<Record<string, Partial<TargetHealth>>>;
  readonly removed?: readonly string[];
  readonly suspectsItself?: boolean;
}

export function table(of: Topology, state: TableState = {}, previous?: ForwardingTable): ForwardingTable {
  return buildForwardingTable(
    {
      topology: of,
      health: (id) => health(id, state.health?.[id]),
      removed: state.removed ?? [],
      suspectsItself: state.suspectsItself ?? false,
    },
    previous,
  );
}

export const silentLog: Logger = pino({ level: 'silent' });

/** A logger that collects its lines. */
export function collectingLog(level = 'info'): {
  readonly log: Logger;
  readonly lines: Record<string, unknown>[];
} {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level }, { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) });
  return { log, lines };
}

/** Heartbeats whose health is set by hand; everything starts UNKNOWN. */
export class FakeHeartbeats implements Heartbeats {
  suspectsItself = false;
  targets: readonly HeartbeatTarget[] = [];
  readonly probed: string[] = [];
  closed = false;
  readonly options: HeartbeatsOptions;
  readonly #health = new Map<string, TargetHealth>();

  constructor(options: HeartbeatsOptions) {
    this.options = options;
  }

  set(id: string, state: HealthState, change: Partial<TargetHealth> = {}): void {
    const before = this.health(id) ?? health(id, { state: 'unknown' });
    const after = health(id, { state, ...change });
    this.#health.set(id, after);
    this.options.onChange(after, before);
  }

  setTargets(targets: readonly HeartbeatTarget[]): void {
    this.targets = targets;
  }

  setSettings(): void {}

  health(id: string): TargetHealth | undefined {
    if (!this.targets.some((target) => target.id === id)) return undefined;
    return this.#health.get(id) ?? health(id, { state: 'unknown' });
  }

  all(): readonly TargetHealth[] {
    return this.targets.flatMap(({ id }) => this.health(id) ?? []);
  }

  probeNow(id: string): void {
    this.probed.push(id);
  }

  close(): void {
    this.closed = true;
  }
}
