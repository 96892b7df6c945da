/** Which node of the topology a process is. */
import { networkInterfaces } from 'node:os';
import { addressKind, canonicalAddress } from '../lib/address/index.ts';
import { HeadgateError } from '../lib/errors/index.ts';
import { listSome, nearest } from './suggest.ts';
import type { Balancer, ChatServer, Director, Tier, Topology } from './types.ts';

export interface NodeOfTier {
  readonly director: Director;
  readonly balancer: Balancer;
  readonly chatserver: ChatServer;
}

const words: Readonly<Record<Tier, string>> = {
  director: 'director',
  balancer: 'balancer',
  chatserver: 'chat server',
};

/** The nodes of one tier, in the order of the file. */
export function nodesOf<Which extends Tier>(topology: Topology, tier: Which): readonly NodeOfTier[Which][] {
  const tiers: { readonly [Each in Tier]: readonly NodeOfTier[Each][] } = {
    director: topology.directors,
    balancer: topology.balancers,
    chatserver: topology.chatservers,
  };
  return tiers[tier];
}

/** The canonical addresses of this machine's interfaces. */
export function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((infos) =>
    (infos ?? []).flatMap(({ address }) => canonicalAddress(address) ?? []),
  );
}

/** Where a node is. */
function hostOf(node: Director | Balancer | ChatServer): string {
  return 'host' in node ? node.host : node.address.host;
}

/**
 * The node of `tier` this process is: the one called `name`, or else the only one with an address of this machine.
 * Every loopback address is this machine's, when it has any. Throws HEADGATE_TOPOLOGY_NO_SUCH_NODE,
 * _NODE_AMBIGUOUS (with the names that fit) or _NODE_NOT_HERE.
 */
export function findSelf<Which extends Tier>(
  topology: Topology,
  tier: Which,
  addresses: readonly string[],
  name?: string,
): NodeOfTier[Which] {
  const nodes = nodesOf(topology, tier);
  const names = nodes.map((node) => node.name);
  if (name !== undefined) {
    const found = nodes.find((node) => node.name === name);
    if (found !== undefined) return found;
    throw new HeadgateError('HEADGATE_TOPOLOGY_NO_SUCH_NODE', `there is no ${words[tier]} ${name}`, {
      cure: cureFor(topology, tier, name, names),
    });
  }
  const own = new Set(addresses);
  const hasLoopback = addresses.some((address) => addressKind(address) === 'loopback');
  const fitting = nodes.filter((node) => {
    const host = hostOf(node);
    return own.has(host) || (hasLoopback && addressKind(host) === 'loopback');
  });
  const [only] = fitting;
  if (only !== undefined && fitting.length === 1) return only;
  if (only === undefined) {
    const message = `no ${words[tier]} has an address of this machine (it has ${listSome([...own])})`;
    throw new HeadgateError('HEADGATE_TOPOLOGY_NODE_NOT_HERE', message, {
      cure: `pass --node with one of ${listSome(names)}, or correct the address in the file`,
    });
  }
  const fits = listSome(fitting.map((node) => node.name));
  throw new HeadgateError('HEADGATE_TOPOLOGY_NODE_AMBIGUOUS', `several ${words[tier]}s are on this machine`, {
    cure: `pass --node with one of ${fits}`,
    facts: { fitting: fitting.map((node) => node.name) },
  });
}

function cureFor(topology: Topology, tier: Tier, name: string, names: readonly string[]): string {
  const elsewhere = (Object.keys(words) as Tier[]).find(
    (other) => other !== tier && nodesOf(topology, other).some((node) => node.name === name),
  );
  if (elsewhere !== undefined)
    return `${name} is a ${words[elsewhere]}; ${words[tier]}s are ${listSome(names)}`;
  const meant = nearest(name, names);
  return `${meant === undefined ? '' : `did you mean ${meant}? `}${words[tier]}s are ${listSome(names)}`;
}
