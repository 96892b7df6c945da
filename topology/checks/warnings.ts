/** What is allowed but probably not meant. Looked for only in files without mistakes. */
import { addressFamily, addressKind } from '../../lib/address/index.ts';
import type { Finding } from '../problem.ts';
import type { TopologyFile } from '../schema/index.ts';
import type { Topology } from '../types.ts';
import { listSome } from '../suggest.ts';

/** Every warning of a valid topology. */
export function warningsOf(topology: Topology, file: TopologyFile): readonly Finding[] {
  return [
    ...hashKeyWarning(topology),
    ...eligibleWarnings(topology),
    ...unusedWarnings(topology),
    ...unusedPorts(topology, file),
    ...reachWarnings(topology),
  ];
}

/** On loopback there is no outsider who could aim. */
function hashKeyWarning({ hashKeyIsDefault, services }: Topology): readonly Finding[] {
  const isLocal = services.every(({ listen }) => addressKind(listen.host) === 'loopback');
  if (!hashKeyIsDefault || isLocal) return [];
  const message =
    'no hashKey: it is derived from the name of the cluster, so outsiders can compute which balancer they get; set 32 random hexadecimal digits';
  return [{ code: 'HEADGATE_TOPOLOGY_DEFAULT_HASH_KEY', path: ['cluster'], at: 'key', message }];
}

function eligibleWarnings({ services, balancers, chatservers }: Topology): readonly Finding[] {
  const eligible = (
    nodes: readonly { readonly name: string; readonly weight: number; readonly state: string }[],
  ) => new Set(nodes.filter(({ weight, state }) => weight > 0 && state === 'active').map(({ name }) => name));
  const able = { balancers: eligible(balancers), chatservers: eligible(chatservers) };
  const findings: Finding[] = [];
  for (const service of services) {
    for (const [tier, word] of [
      ['balancers', 'balancer'],
      ['chatservers', 'chat server'],
    ] as const) {
      if (service[tier].some((name) => able[tier].has(name))) continue;
      const message = `every ${word} of this service is draining or has weight 0: new connections are refused`;
      const path = ['services', service.name];
      findings.push({ code: 'HEADGATE_TOPOLOGY_NOTHING_ELIGIBLE', path, at: 'key', message });
    }
  }
  return findings;
}

function unusedWarnings({ services, balancers, chatservers }: Topology): readonly Finding[] {
  const findings: Finding[] = [];
  for (const [tier, nodes] of [
    ['balancers', balancers],
    ['chatservers', chatservers],
  ] as const) {
    const used = new Set(services.flatMap((service) => service[tier]));
    for (const { name } of nodes) {
      if (used.has(name)) continue;
      const message = `no service uses it: every service has a list of its own under ${tier} that does not name it`;
      findings.push({ code: 'HEADGATE_TOPOLOGY_UNUSED', path: [tier, name], at: 'key', message });
    }
  }
  return findings;
}

/** Ports for services that exist but do not use the balancer. */
function unusedPorts({ balancers }: Topology, file: TopologyFile): readonly Finding[] {
  return balancers.flatMap(({ name, ports }) =>
    Object.keys(file.balancers[name]?.ports ?? {})
      .filter((service) => !Object.hasOwn(ports, service))
      .map((service): Finding => {
        const message = `the service ${service} has a list of balancers that does not name ${name}`;
        return {
          code: 'HEADGATE_TOPOLOGY_UNUSED',
          path: ['balancers', name, 'ports', service],
          at: 'key',
          message,
        };
      }),
  );
}

interface Placed {
  readonly name: string;
  readonly isLoopback: boolean;
  readonly family: 4 | 6;
}

function placed(nodes: readonly { readonly name: string; readonly host: string }[]): readonly Placed[] {
  return nodes.map(({ name, host }) => ({
    name,
    isLoopback: addressKind(host) === 'loopback',
    family: addressFamily(host),
  }));
}

/** Addresses of neighbouring tiers that reach each other only if machines have more addresses than the file tells. */
function reachWarnings({ directors, balancers, chatservers }: Topology): readonly Finding[] {
  const servers = chatservers.map(({ name, address }) => ({ name, host: address.host }));
  return [
    ...reachBetween(['directors', placed(directors)], ['balancers', placed(balancers)], 'host'),
    ...reachBetween(['balancers', placed(balancers)], ['chatservers', placed(servers)], 'address'),
  ];
}

function reachBetween(
  [front, others]: readonly [string, readonly Placed[]],
  [tier, nodes]: readonly [string, readonly Placed[]],
  key: string,
): readonly Finding[] {
  const list = (some: readonly Placed[]): string =>
    `${front} ${listSome(
      some.map(({ name }) => name),
      4,
    )}`;
  return nodes.flatMap(({ name, isLoopback, family }): Finding[] => {
    const elsewhere = others.filter((other) => !other.isLoopback);
    const foreign = others.filter((other) => other.family !== family);
    let message: string;
    if (isLoopback && elsewhere.length > 0) {
      message = `a loopback address is reached from its own machine only, and ${list(elsewhere)} have others`;
    } else if (!isLoopback && foreign.length > 0) {
      const families = family === 6 ? 'IPv6 here, IPv4' : 'IPv4 here, IPv6';
      message = `${families} at ${list(foreign)}: they meet only if both machines have both`;
    } else return [];
    return [{ code: 'HEADGATE_TOPOLOGY_UNREACHABLE', path: [tier, name, key], at: 'value', message }];
  });
}
