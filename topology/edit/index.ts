/**
 * Changes to a topology file that keep its comments and layout. Pure: text in, text out. The result is parsed;
 * what would not be a valid topology is refused with HEADGATE_TOPOLOGY_INVALID and its located problems.
 */
import { isAlias, isMap, isSeq, type Node, type YAMLMap } from 'yaml';
import { HeadgateError } from '../../lib/errors/index.ts';
import { canonicalJson } from '../hash.ts';
import { invalidTopology, refusedEdit } from '../invalid-topology.ts';
import { parseTopology } from '../parse.ts';
import { listSome, nearest } from '../suggest.ts';
import type { NodeState, Tier, Topology } from '../types.ts';
import { keyText, readYaml, type YamlSource } from '../yaml-source.ts';
import {
  insertEntry,
  insertInList,
  insertPair,
  inline,
  lineBreak,
  removeItem,
  replaceScalar,
  unsupported,
} from './surgery.ts';

type TierKey = 'directors' | 'balancers' | 'chatservers';
const tierKeys: Readonly<Record<Tier, TierKey>> = {
  director: 'directors',
  balancer: 'balancers',
  chatserver: 'chatservers',
};
const tierWords: Readonly<Record<Tier, string>> = {
  director: 'director',
  balancer: 'balancer',
  chatserver: 'chat server',
};

/** What a new director is made of; what is left out takes its default. */
export interface NewDirector {
  readonly host: string;
  readonly control?: number;
}

export interface NewBalancer extends NewDirector {
  readonly port?: number;
  readonly weight?: number;
  /** Services with a list of their own that get the node too. */
  readonly services?: readonly string[];
}

export interface NewChatServer {
  /** `10.0.2.4:7000` */
  readonly address: string;
  readonly control?: number;
  readonly weight?: number;
  readonly heartbeat?: { readonly probe: string };
  readonly maxConnections?: number;
  readonly backup?: boolean;
  readonly services?: readonly string[];
}

/** The text with a director more. Throws when the name is taken or the result is invalid. */
export function addDirector(
  text: string,
  name: string,
  director: NewDirector,
  file = 'topology.yaml',
): string {
  return add(text, 'director', name, { ...director }, [], file);
}

/** The text with a balancer more. */
export function addBalancer(
  text: string,
  name: string,
  balancer: NewBalancer,
  file = 'topology.yaml',
): string {
  const { services = [], ...fields } = balancer;
  return add(text, 'balancer', name, fields, services, file);
}

/** The text with a chat server more. */
export function addChatServer(
  text: string,
  name: string,
  server: NewChatServer,
  file = 'topology.yaml',
): string {
  const { services = [], ...fields } = server;
  return add(text, 'chatserver', name, fields, services, file);
}

/**
 * The text with a balancer or chat server set to drain, or back to active (which is the default: the key goes).
 * `drainUntil` is when the rest is closed, as the file writes it; without it a deadline that is there goes.
 */
export function setState(
  text: string,
  name: string,
  state: NodeState,
  file = 'topology.yaml',
  drainUntil?: string,
): string {
  const stated = setKey(text, name, 'state', state === 'active' ? undefined : state, file);
  return checked(text, setKey(stated, name, 'drainUntil', drainUntil, file), name, file);
}

/** The text with a key of a node set, or without it. */
function setKey(text: string, name: string, key: string, value: string | undefined, file: string): string {
  const map = nodeMap(read(text, file), name, key);
  const index = indexOf(map, key);
  const node = map.items[index]?.value as Node | undefined;
  if (value === undefined) return index === -1 ? text : removeItem(text, map, index);
  return node === undefined ? insertPair(text, map, key, value) : replaceScalar(text, node, value);
}

/** The text with another weight of a balancer or chat server. */
export function setWeight(text: string, name: string, weight: number, file = 'topology.yaml'): string {
  const source = read(text, file);
  const map = nodeMap(source, name, 'weight');
  const node = map.items[indexOf(map, 'weight')]?.value as Node | undefined;
  const edited =
    node === undefined ? insertPair(text, map, 'weight', weight) : replaceScalar(text, node, weight);
  return checked(text, edited, name, file);
}

/** The text without a node, in its tier and in the lists of services. Comments on other lines stay. */
export function removeNode(text: string, name: string, file = 'topology.yaml'): string {
  const tier = tierOf(read(text, file), name);
  let edited = text;
  const services = sectionMap(read(edited, file), 'services');
  for (const service of services?.items.map(({ key }) => keyText(key)) ?? []) {
    const list = serviceList(read(edited, file), service ?? '', tierKeys[tier]);
    const index = list?.items.findIndex((item) => keyText(item) === name) ?? -1;
    if (list !== undefined && index !== -1) edited = removeItem(edited, list, index);
  }
  const section = sectionMap(read(edited, file), tierKeys[tier]);
  if (section === undefined) throw unsupported(`${tierKeys[tier]} is not a map`);
  edited = removeItem(edited, section, indexOf(section, name));
  return checked(text, edited, name, file);
}

/** The tier of a node of the file. Throws HEADGATE_TOPOLOGY_NO_SUCH_NODE with what there is. */
export function tierOf(source: YamlSource, name: string): Tier {
  const names: string[] = [];
  for (const tier of Object.keys(tierKeys) as Tier[]) {
    const known = sectionMap(source, tierKeys[tier])?.items.map(({ key }) => keyText(key) ?? '') ?? [];
    if (known.includes(name)) return tier;
    names.push(...known);
  }
  const meant = nearest(name, names);
  const cure = meant === undefined ? `name one of ${listSome(names)}` : `did you mean ${meant}?`;
  throw new HeadgateError('HEADGATE_TOPOLOGY_NO_SUCH_NODE', `${source.file} has no node ${name}`, { cure });
}

function read(text: string, file: string): YamlSource {
  const source = readYaml(text, file);
  if ('problems' in source) throw invalidTopology(source.problems, file);
  return source;
}

function indexOf(map: YAMLMap, key: string): number {
  return map.items.findIndex((pair) => keyText(pair.key) === key);
}

function sectionMap({ document }: YamlSource, section: string): YAMLMap | undefined {
  const node = isMap(document.contents)
    ? document.contents.items[indexOf(document.contents, section)]?.value
    : undefined;
  return isMap(node) ? node : undefined;
}

function serviceList(source: YamlSource, service: string, tier: TierKey) {
  const services = sectionMap(source, 'services');
  const entry = services?.items[indexOf(services, service)]?.value;
  const list = isMap(entry) ? entry.items[indexOf(entry, tier)]?.value : undefined;
  return isSeq(list) ? list : undefined;
}

/** The map of a balancer or chat server. */
function nodeMap(source: YamlSource, name: string, key: string): YAMLMap {
  const tier = tierOf(source, name);
  if (tier === 'director') {
    throw new HeadgateError('HEADGATE_TOPOLOGY_NO_SUCH_NODE', `${name} is a director, which has no ${key}`, {
      cure: 'name a balancer or a chat server',
    });
  }
  const section = sectionMap(source, tierKeys[tier]);
  const map = section?.items[section === undefined ? -1 : indexOf(section, name)]?.value;
  if (isAlias(map)) throw unsupported(`${name} is the alias *${map.source}, which others share`);
  if (!isMap(map)) throw unsupported(`${name} is not a map`);
  return map;
}

function add(
  text: string,
  tier: Tier,
  name: string,
  fields: Readonly<Record<string, unknown>>,
  services: readonly string[],
  file: string,
): string {
  const source = read(text, file);
  for (const key of Object.keys(tierKeys) as Tier[]) {
    if (sectionMap(source, tierKeys[key])?.items.some((pair) => keyText(pair.key) === name) !== true)
      continue;
    throw new HeadgateError(
      'HEADGATE_TOPOLOGY_DUPLICATE_NAME',
      `${file} has a ${tierWords[key]} ${name} already`,
      {
        cure: 'choose another name',
      },
    );
  }
  const written = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  let edited = insertInTier(text, source, tierKeys[tier], name, written);
  for (const service of services) {
    const names = sectionMap(source, 'services')?.items.map(({ key }) => keyText(key) ?? '') ?? [];
    if (!names.includes(service)) {
      const meant = nearest(service, names);
      throw new HeadgateError('HEADGATE_TOPOLOGY_UNKNOWN_NAME', `${file} has no service ${service}`, {
        cure: meant === undefined ? `name one of ${listSome(names)}` : `did you mean ${meant}?`,
      });
    }
    const list = serviceList(read(edited, file), service, tierKeys[tier]);
    // A service without a list of its own has every node already.
    if (list !== undefined) edited = insertInList(edited, list, name);
  }
  return checked(text, edited, name, file);
}

function insertInTier(
  text: string,
  source: YamlSource,
  key: TierKey,
  name: string,
  fields: Readonly<Record<string, unknown>>,
): string {
  const section = sectionMap(source, key);
  if (section !== undefined) return insertEntry(text, section, name, fields);
  const root = source.document.contents;
  if (!isMap(root) || root.flow === true || indexOf(root, key) !== -1)
    throw unsupported(`${key} is not a map`);
  const eol = lineBreak(text);
  const gap = text.endsWith('\n') || text === '' ? '' : eol;
  return `${text}${gap}${eol}${key}:${eol}  ${inline(name)}: ${inline(fields)}${eol}`;
}

/** Refuses an edit whose result is invalid, or that changed more than `name` (a shared YAML anchor does that). */
function checked(before: string, after: string, name: string, file: string): string {
  const result = parseTopology(after, file);
  if (result.topology === undefined) {
    throw refusedEdit(result.problems, file);
  }
  const old = parseTopology(before, file).topology;
  if (old !== undefined && othersOf(old, name) !== othersOf(result.topology, name)) {
    throw unsupported(`the change of ${name} would change other entries too`);
  }
  return after;
}

function othersOf({ hash: _hash, ...topology }: Topology, name: string): string {
  const others = <Entry extends { readonly name: string }>(entries: readonly Entry[]): readonly Entry[] =>
    entries.filter((entry) => entry.name !== name);
  return canonicalJson({
    ...topology,
    services: topology.services.map((service) => ({
      ...service,
      balancers: service.balancers.filter((node) => node !== name),
      chatservers: service.chatservers.filter((node) => node !== name),
    })),
    directors: others(topology.directors),
    balancers: others(topology.balancers),
    chatservers: others(topology.chatservers),
  });
}
