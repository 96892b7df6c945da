import { addressBytes } from '../../lib/address/index.ts';
import type { FlowHasher } from '../../lib/maglev/index.ts';
import { endpointKeyLayout, flowKeyLayout, serviceKeyLayout } from './layouts.ts';
import type { BalancerState, FlowState, Mode } from './numbers.ts';

/** Where clients connect to, and how they go on. */
export interface ForwardService {
  /** Index in the flows' keys; unique. */
  readonly index: number;
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly port: number;
  /** Mode of new flows. */
  readonly mode: Mode;
  /** Balancer index per slot, `noBalancer` where there is none; as long as all other tables. */
  readonly slots: Readonly<Uint16Array>;
}

/** A way to a balancer. */
export interface ForwardBalancer {
  readonly state: BalancerState;
  readonly generation: number;
  /** 6 bytes. */
  readonly mac: Uint8Array;
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
}

export interface FlowEntry {
  readonly balancer: number;
  readonly generation: number;
  readonly state: FlowState;
  readonly mode: Mode;
  /** 6 bytes: where answers go (nat); undefined when not known or not wanted. */
  readonly clientMac?: Uint8Array;
  readonly lastAck: number;
  /** In ticks. */
  readonly lastSeen: number;
}

/** Confirmed flows are never evicted; the others are, least recently used first. */
export type FlowTable = 'confirmed' | 'unconfirmed';

export interface ForwardConfig {
  readonly hasher: FlowHasher;
  /** 6 bytes. */
  readonly ownMac: Uint8Array;
  /** Largest IP packet to a balancer, in bytes. */
  readonly mtu: number;
  /** 4 bytes. */
  readonly tunnelSource4: Uint8Array;
  /** 16 bytes. */
  readonly tunnelSource6: Uint8Array;
  /** Answer SYNs without an entry with RST, those of proxied services excepted; default false. */
  readonly refuseNew?: boolean;
  /** 6 bytes: next hop of answers to clients whose own is not known (nat); default: there is none. */
  readonly gatewayMac?: Uint8Array;
}

/**
 * Where a balancer takes a service's connections in mode nat. No two have the same address and port: their answers could
 * not be told apart. It stays as long as there are flows it belongs to, whatever the service's mode.
 */
export interface ForwardEndpoint {
  /** Indices. */
  readonly service: number;
  readonly balancer: number;
  /** 4 or 16 bytes, as many as those of the VIP. */
  readonly address: Uint8Array;
  readonly port: number;
  /** What clients see. */
  readonly vip: Uint8Array;
  readonly vipPort: number;
}

/** Everything forward() decides by. Keys are keyText() of serviceKey() and flowKey(). */
export interface ForwardState {
  readonly config: ForwardConfig;
  readonly services: ReadonlyMap<string, ForwardService>;
  /** Addresses of the services: their keys with port 0. */
  readonly vips: ReadonlySet<string>;
  /** By index; undefined where none is. */
  readonly balancers: readonly (ForwardBalancer | undefined)[];
  /** Keys are keyText() of endpointKey(). */
  readonly endpoints: ReadonlyMap<string, ForwardEndpoint>;
  /** The same by keyText() of serviceKey() of their address and port. */
  readonly origins: ReadonlyMap<string, ForwardEndpoint>;
  readonly flows: Readonly<Record<FlowTable, ReadonlyMap<string, FlowEntry>>>;
}

/** A change of a flow table; an entry that is undefined is removed. */
export interface FlowChange {
  readonly table: FlowTable;
  readonly key: string;
  readonly entry: FlowEntry | undefined;
}

/** Text of bytes, for use as a key. */
export function keyText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

const mappedPrefix = addressBytes('0.0.0.0').subarray(0, 12);

/** 4 or 16 bytes as 16, IPv4 as v4-mapped. */
export function mapped(address: Uint8Array): Uint8Array {
  return address.length === 16 ? address : Uint8Array.of(...mappedPrefix, ...address);
}

/** Key of a service, as in the kernel; port 0 for the address itself. `address` as in the packet: 4 or 16 bytes. */
export function serviceKey(address: Uint8Array, port: number): Uint8Array {
  const family = address.length === 4 ? 4 : 6;
  return serviceKeyLayout.encode({ address: mapped(address), port, family });
}

/** Key of an endpoint, as in the kernel. */
export function endpointKey(service: number, balancer: number): Uint8Array {
  return endpointKeyLayout.encode({ service, balancer });
}

/** Key of a flow, as in the kernel. `client` as in the packet: 4 or 16 bytes. */
export function flowKey(client: Uint8Array, clientPort: number, service: number): Uint8Array {
  return flowKeyLayout.encode({ client: mapped(client), clientPort, service });
}

/** State without flows. */
export function forwardState(
  config: ForwardConfig,
  services: readonly ForwardService[],
  balancers: readonly (ForwardBalancer | undefined)[],
  endpoints: readonly ForwardEndpoint[] = [],
): ForwardState {
  return {
    config,
    services: new Map(services.map((one) => [keyText(serviceKey(one.address, one.port)), one])),
    vips: new Set(services.map(({ address }) => keyText(serviceKey(address, 0)))),
    balancers,
    endpoints: new Map(endpoints.map((one) => [keyText(endpointKey(one.service, one.balancer)), one])),
    origins: new Map(endpoints.map((one) => [keyText(serviceKey(one.address, one.port)), one])),
    flows: { confirmed: new Map(), unconfirmed: new Map() },
  };
}
