/** What each changed key does to traffic. The sentences are those of the schema. Pure. */
import { diffTopology, type Changes, type TopologyDiff } from '../diff.ts';
import { keyReference } from '../schema/walk.ts';
import type { Balancer, ChatServer, NodeState, Topology } from '../types.ts';

/**
 * `none`: no connection notices; `new`: connections that begin after the change; `drains`: a node gets nothing new and
 * keeps what it has; `closes`: connections are closed; `restart`: nodes use it from their next start on.
 */
export type Traffic = 'none' | 'new' | 'drains' | 'closes' | 'restart';

export interface PlannedChange {
  /** `balancer b2`, `service chat`, `cluster`. */
  readonly what: string;
  readonly kind: 'added' | 'removed' | 'changed';
  /** The key as in the file: `timeouts.connect`; empty for a whole entry. */
  readonly key: string;
  readonly traffic: Traffic;
  /** One sentence for people. */
  readonly effect: string;
}

/** Keys of the file whose names differ from those of the loaded topology. */
const fileKeys: Readonly<Record<string, string>> = {
  controlPort: 'control',
  probe: 'heartbeat',
  drainUntilMs: 'drainUntil',
  graceMs: 'grace',
  connectTimeoutMs: 'timeouts.connect',
  keepaliveMs: 'timeouts.keepalive',
  userTimeoutMs: 'timeouts.user',
  bufferBytes: 'buffer',
};

/** Keys that a running node does not take over. */
const atRestart: ReadonlySet<string> = new Set(['cluster', 'secret', 'workers', 'maxConnections', 'engine']);
/** Keys that only nodes among themselves use, or that are used when a process ends. */
const withoutTraffic: ReadonlySet<string> = new Set(['control', 'heartbeat', 'grace']);

/** Every difference, one line each, in the order cluster, services, tiers. */
export function plannedChanges(before: Topology, after: Topology): readonly PlannedChange[] {
  const diff: TopologyDiff = withoutFollowing(before, after);
  return [
    ...diff.settings.map((setting) => keyChange('cluster', '', setting, undefined)),
    ...entries('service', 'services.NAME', diff.services),
    ...entries('director', 'directors.NAME', diff.directors),
    ...entries('balancer', 'balancers.NAME', diff.balancers),
    ...entries('chat server', 'chatservers.NAME', diff.chatservers),
  ];
}

/** The difference without lists of services that only follow the nodes that come and go, which are told themselves. */
function withoutFollowing(before: Topology, after: Topology): TopologyDiff {
  const diff = diffTopology(before, after);
  const both = (one: readonly Named[], other: readonly Named[]): ReadonlySet<string> =>
    new Set(one.filter(({ name }) => other.some((node) => node.name === name)).map(({ name }) => name));
  const staying = {
    balancers: both(before.balancers, after.balancers),
    chatservers: both(before.chatservers, after.chatservers),
  };
  const changed = diff.services.changed.map((change) => ({
    ...change,
    keys: change.keys.filter((key) => {
      if (key !== 'balancers' && key !== 'chatservers') return true;
      const [was, is] = [change.before[key], change.after[key]].map((names) =>
        names.filter((name) => staying[key].has(name)),
      );
      return was!.join() !== is!.join();
    }),
  }));
  return { ...diff, services: { ...diff.services, changed } };
}

interface Named {
  readonly name: string;
}

function entries<Entry extends { readonly name: string }>(
  word: string,
  path: string,
  changes: Changes<Entry>,
): readonly PlannedChange[] {
  const isService = word === 'service';
  return [
    ...changes.added.map(({ name }): PlannedChange => ({
      what: `${word} ${name}`,
      kind: 'added',
      key: '',
      traffic: 'new',
      effect: isService ? 'Takes connections once it listens.' : 'Takes new connections once it is up.',
    })),
    ...changes.removed.map(({ name }): PlannedChange => ({
      what: `${word} ${name}`,
      kind: 'removed',
      key: '',
      traffic: 'drains',
      effect: 'Takes nothing new and keeps what it has until that ends.',
    })),
    ...changes.changed.flatMap(({ after, keys }) =>
      keys.map((key) => keyChange(`${word} ${after.name}`, `${path}.`, key, after)),
    ),
  ];
}

function keyChange(what: string, path: string, loadedKey: string, after: object | undefined): PlannedChange {
  const key = fileKeys[loadedKey] ?? loadedKey;
  return { what, kind: 'changed', key, traffic: trafficOf(key, after), effect: effectOf(`${path}${key}`) };
}

function trafficOf(key: string, after: object | undefined): Traffic {
  if (atRestart.has(key)) return 'restart';
  if (withoutTraffic.has(key)) return 'none';
  const { state } = (after ?? {}) as { readonly state?: NodeState };
  if (key === 'state') return state === 'drain' ? 'drains' : 'new';
  if (key === 'drainUntil') {
    const { drainUntilMs } = after as Balancer | ChatServer;
    if (state === 'active') return 'none';
    return drainUntilMs === undefined ? 'drains' : 'closes';
  }
  return 'new';
}

let effects: ReadonlyMap<string, string> | undefined;

/** The schema's sentence; of keys that hold others, that of the whole. */
function effectOf(path: string): string {
  effects ??= new Map(keyReference().map((row) => [row.path, row.effect]));
  return effects.get(path) ?? 'It applies to connections that begin after the change.';
}
