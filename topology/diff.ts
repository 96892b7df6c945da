/** What changed from one topology to another. Pure. */
import { canonicalJson } from './hash.ts';
import type { Balancer, ChatServer, Director, Service, Tier, Topology } from './types.ts';

export interface Changes<Entry> {
  readonly added: readonly Entry[];
  readonly removed: readonly Entry[];
  /** Same identity, other settings. */
  readonly changed: readonly {
    readonly before: Entry;
    readonly after: Entry;
    readonly keys: readonly string[];
  }[];
}

/** Settings of the cluster as a whole. */
export type ClusterSetting = 'cluster' | 'secret' | 'hashKey' | 'heartbeat' | 'flows' | 'graceMs';

export interface TopologyDiff {
  readonly settings: readonly ClusterSetting[];
  readonly services: Changes<Service>;
  readonly directors: Changes<Director>;
  readonly balancers: Changes<Balancer>;
  readonly chatservers: Changes<ChatServer>;
  /** True when nothing at all changed. */
  readonly isEmpty: boolean;
}

const settings: readonly ClusterSetting[] = ['cluster', 'secret', 'hashKey', 'heartbeat', 'flows', 'graceMs'];

/**
 * Identity of a node: tier, name and where it is. A node whose host (chat server: address) changed is another
 * node, so its change is a removal and an addition.
 */
export function nodeIdentity(tier: Tier, node: Director | Balancer | ChatServer): string {
  const place = 'host' in node ? node.host : `${node.address.host} ${node.address.port}`;
  return `${tier} ${node.name} ${place}`;
}

/**
 * What makes `after` out of `before`. The order of names in a service's lists means nothing. Where the secret is counts as it is
 * written: each node finds the same relative path beside its own file.
 */
export function diffTopology(before: Topology, after: Topology): TopologyDiff {
  const changedSettings = settings.filter(
    (key) => canonicalJson(settingOf(before, key)) !== canonicalJson(settingOf(after, key)),
  );
  const services = diffEntries(
    before.services.map(sortedLists),
    after.services.map(sortedLists),
    ({ name }) => name,
  );
  const directors = diffEntries(before.directors, after.directors, (node) => nodeIdentity('director', node));
  const balancers = diffEntries(before.balancers, after.balancers, (node) => nodeIdentity('balancer', node));
  const chatservers = diffEntries(before.chatservers, after.chatservers, (node) =>
    nodeIdentity('chatserver', node),
  );
  const isEmpty =
    changedSettings.length === 0 &&
    [services, directors, balancers, chatservers].every(
      ({ added, removed, changed }) => added.length + removed.length + changed.length === 0,
    );
  return { settings: changedSettings, services, directors, balancers, chatservers, isEmpty };
}

function settingOf(topology: Topology, key: ClusterSetting): unknown {
  return topology[key === 'secret' ? 'secretAsWritten' : key];
}

function sortedLists(service: Service): Service {
  return {
    ...service,
    balancers: service.balancers.toSorted(),
    chatservers: service.chatservers.toSorted(),
  };
}

function diffEntries<Entry extends object>(
  before: readonly Entry[],
  after: readonly Entry[],
  identity: (entry: Entry) => string,
): Changes<Entry> {
  const old = new Map(before.map((entry) => [identity(entry), entry]));
  const now = new Map(after.map((entry) => [identity(entry), entry]));
  const changed = after.flatMap((entry) => {
    const was = old.get(identity(entry));
    if (was === undefined) return [];
    const keys = changedKeys(was, entry);
    return keys.length === 0 ? [] : [{ before: was, after: entry, keys }];
  });
  return {
    added: after.filter((entry) => !old.has(identity(entry))),
    removed: before.filter((entry) => !now.has(identity(entry))),
    changed,
  };
}

function changedKeys<Entry extends object>(before: Entry, after: Entry): readonly string[] {
  const keys = Object.keys({ ...before, ...after }) as (keyof Entry & string)[];
  // A list of one, because canonicalJson has no text for a lone undefined.
  return keys.filter((key) => canonicalJson({ value: before[key] }) !== canonicalJson({ value: after[key] }));
}
