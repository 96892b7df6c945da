/** What the soaked cluster shall be, as data: decided here, brought about elsewhere. */
import type { ClusterSpec, Entries } from '../../test/cluster.ts';

export interface Member {
  readonly state: 'active' | 'drain';
  readonly weight: number;
}

export type Members = Readonly<Record<string, Member>>;

/** The client has so few ports that each is used again within minutes; it holds those of the last minute back (TIME-WAIT). */
export const clientPorts = [32_768, 34_767] as const;

/** All need nothing but one link; `nat` also the routes that the stage adds. */
export const forwardings = ['proxy', 'dr', 'tun', 'nat'] as const;
export type Forwarding = (typeof forwardings)[number];

export interface World {
  readonly balancers: Members;
  readonly chatservers: Members;
  readonly algorithm: string;
  readonly forwarding: Forwarding;
}

export const vip = { host: '10.81.0.100', port: 9000 };

/** Addresses by host; the client has some, so that it does not run out of ports. */
export const hosts = {
  client: ['10.81.9.1', '10.81.9.2'],
  d1: ['10.81.0.1', vip.host],
  b1: ['10.81.1.1'],
  b2: ['10.81.1.2'],
  b3: ['10.81.1.3'],
  b4: ['10.81.1.4'],
  c1: ['10.81.2.1'],
  c2: ['10.81.2.2'],
  c3: ['10.81.2.3'],
  c4: ['10.81.2.4'],
} as const;

export const allBalancers = ['b1', 'b2', 'b3', 'b4'] as const;
export const allChatservers = ['c1', 'c2', 'c3', 'c4'] as const;
export const algorithms = [
  'round-robin',
  'weighted-round-robin',
  'least-connections',
  'source-hash',
  'maglev',
  'random-two',
] as const;

const usual: Member = { state: 'active', weight: 1 };

export const firstWorld: World = {
  balancers: { b1: usual, b2: usual, b3: usual },
  chatservers: { c1: usual, c2: usual, c3: usual },
  algorithm: 'round-robin',
  forwarding: 'proxy',
};

/** Members that may get new connections. */
export function takersOf(members: Members): string[] {
  return Object.entries(members)
    .filter(([, { state, weight }]) => state === 'active' && weight > 0)
    .map(([name]) => name);
}

/** The topology file of a world. */
export function specOf({ balancers, chatservers, algorithm, forwarding }: World): ClusterSpec {
  return {
    // Whoever is paused or cut off for some seconds is not given up, however slow the machine. Every client that there can
    // be has room: what is left of those that were here before is not evicted, but met.
    settings: { heartbeat: { deadAfter: '5m' }, flows: { capacity: 8_192, unconfirmed: 4_096 } },
    services: {
      chat: { listen: `${vip.host}:${vip.port}`, forwarding, balancing: { algorithm } },
    },
    directors: { d1: { host: hosts.d1[0] } },
    balancers: entries(balancers, (name) => ({ host: addressOf(name), workers: 1 })),
    chatservers: entries(chatservers, (name) => ({ address: `${addressOf(name)}:7000` })),
  };
}

function addressOf(name: string): string {
  const [address = ''] = (hosts as Readonly<Record<string, readonly string[]>>)[name] ?? [];
  return address;
}

function entries(members: Members, own: (name: string) => object): Entries {
  return Object.fromEntries(
    Object.entries(members).map(([name, { state, weight }]) => [name, { ...own(name), state, weight }]),
  );
}
