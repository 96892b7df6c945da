/** What `headgate up` tells when everything runs. Pure. */
import { addressFamily, formatEndpoint } from '../../lib/address/index.ts';
import type { Topology } from '../../topology/index.ts';

/** `1 director`, `3 chat servers`. */
function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** The address after the highest of `hosts` (IPv4 only), as a proposal for one more node. */
export function nextHost(hosts: readonly string[]): string | undefined {
  const numbers = hosts
    .filter((host) => addressFamily(host) === 4)
    .map((host) => host.split('.').reduce((total, part) => total * 256 + Number(part), 0));
  if (numbers.length === 0) return undefined;
  const next = Math.max(...numbers) + 1;
  return [24, 16, 8, 0].map((shift) => Math.floor(next / 2 ** shift) % 256).join('.');
}

/** The first name `b1`, `b2` … that no node has. */
export function nextName(letter: string, names: readonly string[]): string {
  for (let number = names.length + 1; ; number++)
    if (!names.includes(`${letter}${number}`)) return `${letter}${number}`;
}

/** Several lines: the VIPs, how to chat, look, grow and stop. */
export function banner(topology: Topology, file: string): string {
  const { directors, balancers, chatservers, services } = topology;
  const balancerName = nextName(
    'b',
    balancers.map(({ name }) => name),
  );
  const balancerHost = nextHost(balancers.map(({ host }) => host)) ?? 'ADDRESS';
  const rows = [
    ...services.map(({ name, listen }): [string, string] => [
      'VIP',
      `${formatEndpoint(listen)} (service ${name})`,
    ]),
    ['chat', `npx headgate chat ${formatEndpoint(services[0]!.listen)} --name ann`],
    ['look', 'npx headgate status --watch'],
    ['grow', `npx headgate topology add balancer ${balancerName} --host ${balancerHost} ${file}`],
    ['stop', 'Ctrl-C'],
  ];
  return [
    '',
    `cluster ${topology.cluster} is up: ${count(directors.length, 'director')}, ${count(balancers.length, 'balancer')}, ${count(chatservers.length, 'chat server')}`,
    '',
    ...rows.map(([label, text]) => `  ${label!.padEnd(6)}${text}`),
    '',
  ].join('\n');
}
