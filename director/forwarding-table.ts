/** The directors' decision, as data: pure, deterministic, replaced whole. */
import { isDeepStrictEqual } from 'node:util';
import type { Endpoint } from '../lib/address/index.ts';
import type { TargetHealth } from '../lib/heartbeat/index.ts';
import { buildMaglevTable, hashKeyFromHex, type MaglevNode, type MaglevTable } from '../lib/maglev/index.ts';
import { isDrainOver, type Balancer, type Service, type Topology } from '../topology/index.ts';
import { balancerId, serviceEndpoint } from './balancer-identity.ts';
import { standingOf, type Standing } from './eligibility.ts';
import type { ServiceMode } from './forwarding-mode.ts';

/** One balancer as one service sees it. */
export interface ForwardingBalancer {
  /** `name@host`. */
  readonly id: string;
  readonly name: string;
  /** Where it takes this service's connections. */
  readonly endpoint: Endpoint;
  readonly weight: number;
  readonly standing: Standing;
  /** Whether it confirms and disowns its connections itself: it speaks headgate. */
  readonly confirms: boolean;
}

/** How a plane treats the connections of a service. */
export interface ForwardingSettings {
  /** PROXY protocol header that clients' connections begin with. */
  readonly acceptProxy: Service['proxyProtocol']['accept'];
  readonly connectTimeoutMs: number;
  readonly keepaliveMs: number;
  readonly userTimeoutMs: number;
  readonly bufferBytes: number;
}

export interface ServiceForwarding {
  readonly name: string;
  /** The VIP. */
  readonly listen: Endpoint;
  /** How new connections are forwarded; established ones stay in the mode they began with. */
  readonly mode: ServiceMode;
  readonly settings: ForwardingSettings;
  /** Every balancer of the service, ordered by name. */
  readonly balancers: readonly ForwardingBalancer[];
  /** Over the eligible balancers; without any node when there is none. */
  readonly maglev: MaglevTable;
  /** The eligible balancers, in the order of `maglev.nodes`. */
  readonly owners: readonly ForwardingBalancer[];
}

export interface ForwardingTable {
  /** Keys the hash of the clients: 32 hexadecimal digits. */
  readonly hashKey: string;
  readonly services: readonly ServiceForwarding[];
  /** Ids of balancers whose connections are to be ended, sorted. */
  readonly dead: readonly string[];
  /** Ids of balancers that left the topology and still have connections, sorted. */
  readonly removed: readonly string[];
}

export interface TableInput {
  readonly topology: Topology;
  /** Health by balancer id. */
  readonly health: (id: string) => TargetHealth | undefined;
  /** Ids of balancers that left the topology and still have connections. */
  readonly removed: readonly string[];
  /** The monitor doubts its own sight: nobody is dead until it has cleared up. */
  readonly suspectsItself: boolean;
  /** Mode in force by service; default: what the topology says, and proxy for auto. */
  readonly modes?: ReadonlyMap<string, ServiceMode>;
  /** What keeps packets of a service from a balancer, whatever its health. */
  readonly obstacle?: (balancer: Balancer, mode: ServiceMode) => Standing | undefined;
  /** What an earlier process knew, as long as there is no verdict of the own monitor. */
  readonly remembered?: Remembered;
  /** Wall clock, milliseconds since 1970: what drains until then is closed. Undefined: no deadline has passed. */
  readonly wallMs?: number;
}

/** Health as the earlier process of this director left it. */
export interface Remembered {
  /** Whether a balancer got new connections of a service. */
  wasEligible(service: Service, balancer: string): boolean;
  /** Whether a balancer was dead, or is taken for dead because it has not come back. */
  isDead(balancer: string): boolean;
}

/**
 * Builds the table. Parts equal to those of `previous` are the same objects (the table itself, when nothing
 * changed), so that a plane sees by identity what it has to apply, and no Maglev table is built twice.
 */
export function buildForwardingTable(input: TableInput, previous?: ForwardingTable): ForwardingTable {
  const { topology, suspectsItself } = input;
  const byName = new Map(topology.balancers.map((balancer) => [balancer.name, balancer]));
  const removed = [...input.removed].sort();
  const gone = [...new Set([...topology.balancers.map(balancerId), ...removed])].filter(
    (id) => !suspectsItself && isDead(input, id),
  );
  // A deadline is the operator's word: it holds whatever the monitor thinks.
  const over = topology.balancers
    .filter((balancer) => isDrainOver(balancer, input.wallMs ?? -Infinity))
    .map(balancerId);
  const dead = [...new Set([...gone, ...over])].sort();
  const known = previous?.hashKey === topology.hashKey ? previous.services.map(({ maglev }) => maglev) : [];
  const services = topology.services.map((service) => {
    const mode =
      input.modes?.get(service.name) ?? (service.forwarding === 'auto' ? 'proxy' : service.forwarding);
    const balancers = service.balancers
      .flatMap((name) => byName.get(name) ?? [])
      .map((balancer) => forwardingBalancer(balancer, service, mode, input))
      .sort((one, other) => (one.name < other.name ? -1 : 1));
    const owners = balancers.filter(({ standing }) => standing === 'eligible');
    const maglev = reuseOrBuild(owners, topology.hashKey, known);
    const fresh: ServiceForwarding = {
      name: service.name,
      listen: service.listen,
      mode,
      settings: settingsOf(service),
      balancers,
      maglev,
      owners,
    };
    const old = previous?.services.find(({ name }) => name === service.name);
    return old !== undefined && sameService(old, fresh) ? old : fresh;
  });
  const table: ForwardingTable = { hashKey: topology.hashKey, services, dead, removed };
  return previous !== undefined && sameTable(previous, table) ? previous : table;
}

function forwardingBalancer(
  balancer: Balancer,
  service: Service,
  mode: ServiceMode,
  { health, obstacle, remembered }: TableInput,
): ForwardingBalancer {
  const id = balancerId(balancer);
  return {
    id,
    name: balancer.name,
    endpoint: serviceEndpoint(balancer, service),
    weight: balancer.weight,
    standing: standingOf(balancer, health(id), {
      service: service.name,
      mode,
      wasEligible: remembered?.wasEligible(service, id) ?? false,
      obstacle: obstacle?.(balancer, mode),
    }),
    confirms: balancer.probe.kind === 'headgate',
  };
}

function isDead({ health, remembered }: TableInput, id: string): boolean {
  const known = health(id);
  if (known !== undefined && known.state !== 'unknown') return known.dead;
  return remembered?.isDead(id) ?? false;
}

function settingsOf(service: Service): ForwardingSettings {
  const { connectTimeoutMs, keepaliveMs, userTimeoutMs, bufferBytes } = service;
  return {
    acceptProxy: service.proxyProtocol.accept,
    connectTimeoutMs,
    keepaliveMs,
    userTimeoutMs,
    bufferBytes,
  };
}

/** `known` collects what is built, so that services with the same balancers share one table. */
function reuseOrBuild(
  owners: readonly ForwardingBalancer[],
  hashKey: string,
  known: MaglevTable[],
): MaglevTable {
  const nodes: MaglevNode[] = owners.map(({ name, weight }) => ({ name, weight }));
  const found = known.find((table) => isDeepStrictEqual(table.nodes, nodes));
  if (found !== undefined) return found;
  const built = buildMaglevTable(hashKeyFromHex(hashKey), nodes);
  known.push(built);
  return built;
}

/** The tables of slots are compared by identity: comparing them would cost more than it saves. */
function sameService(old: ServiceForwarding, fresh: ServiceForwarding): boolean {
  const { maglev: oldMaglev, ...oldRest } = old;
  const { maglev: freshMaglev, ...freshRest } = fresh;
  return oldMaglev === freshMaglev && isDeepStrictEqual(oldRest, freshRest);
}

function sameTable(old: ForwardingTable, fresh: ForwardingTable): boolean {
  return (
    old.hashKey === fresh.hashKey &&
    old.services.length === fresh.services.length &&
    old.services.every((service, index) => service === fresh.services[index]) &&
    isDeepStrictEqual([old.dead, old.removed], [fresh.dead, fresh.removed])
  );
}
