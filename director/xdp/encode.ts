/** Plain data as the bytes of the maps, and back. */
import type { FlowHasher } from '../../lib/maglev/index.ts';
import {
  balancerLayout,
  BalancerState,
  configLayout,
  endpointKey,
  flowLayout,
  mapped,
  originLayout,
  serviceKey,
  serviceLayout,
  type FlowEntry,
  type FlowState,
  type ForwardBalancer,
  type ForwardConfig,
  type ForwardEndpoint,
  type ForwardService,
  type Mode,
} from '../forward/index.ts';
import { tableBytes } from './maps.ts';

/** Bytes of an entry of a map. */
export interface MapEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

const noMac = new Uint8Array(6);

/** Value of `config`, with the date of packets. */
export function encodeConfig(config: ForwardConfig, tick: number): Uint8Array {
  const { hasher, ownMac, mtu, tunnelSource4, tunnelSource6, refuseNew = false, gatewayMac = noMac } = config;
  return configLayout.encode({
    ...hashKeyWords(hasher),
    ownMac,
    mtu,
    tunnelSource4,
    tunnelSource6,
    tick,
    refuseNew: Number(refuseNew),
    gatewayMac,
  });
}

function hashKeyWords({ key }: FlowHasher): { readonly hashKey0: bigint; readonly hashKey1: bigint } {
  const word = (low: number, high: number) => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  return { hashKey0: word(key.k0Low, key.k0High), hashKey1: word(key.k1Low, key.k1High) };
}

/** Value of `services`, running with the table at index `table`. */
export function encodeService({ index, mode }: ForwardService, table: number): Uint8Array {
  return serviceLayout.encode({ index, mode, table });
}

/** Value of `tables`. Throws RangeError when a slot is missing or too many. */
export function encodeTable(slots: Readonly<Uint16Array>, tableSize: number): Uint8Array {
  if (slots.length !== tableSize) throw new RangeError(`a table has ${tableSize} slots, not ${slots.length}`);
  const bytes = new Uint8Array(tableBytes(tableSize));
  // Both are little-endian: the machines the programs run on.
  bytes.set(new Uint8Array(slots.buffer, slots.byteOffset, slots.byteLength));
  return bytes;
}

/** Value of `balancers`; undefined frees the index. */
export function encodeBalancer(balancer: ForwardBalancer | undefined): Uint8Array {
  if (balancer === undefined) return new Uint8Array(balancerLayout.size);
  const { state, generation, mac, address } = balancer;
  const family = address.length === 4 ? 4 : 6;
  return balancerLayout.encode({ state, family, generation, mac, address: mapped(address) });
}

/** A value of `balancers`; undefined for a free index. */
export function decodeBalancer(value: Uint8Array): ForwardBalancer | undefined {
  const { state, family, generation, mac, address } = balancerLayout.read(value);
  if (state === BalancerState.Absent) return undefined;
  return {
    state: state as BalancerState,
    generation,
    mac: mac.slice(),
    address: family === 4 ? address.slice(12) : address.slice(),
  };
}

/** Key and value of `endpoints`. */
export function encodeEndpoint({ service, balancer, address, port }: ForwardEndpoint): MapEntry {
  return { key: endpointKey(service, balancer), value: serviceKey(address, port) };
}

/** Key and value of `origins`. */
export function encodeOrigin({ service, balancer, address, port, vip, vipPort }: ForwardEndpoint): MapEntry {
  const family = vip.length === 4 ? 4 : 6;
  const value = originLayout.encode({ vip: mapped(vip), port: vipPort, family, service, balancer });
  return { key: serviceKey(address, port), value };
}

/** Value of `flows` and `flows_new`. */
export function encodeFlow(entry: FlowEntry): Uint8Array {
  return flowLayout.encode({ clientMac: noMac, ...entry });
}

/** An entry of either flow map. State and mode are what programs and control plane of this layout version wrote. */
export function decodeFlow(bytes: Uint8Array, at = 0): FlowEntry {
  const { state, mode, clientMac, ...rest } = flowLayout.read(bytes, at);
  const known = clientMac.some((byte) => byte !== 0) ? { clientMac } : {};
  return { ...rest, state: state as FlowState, mode: mode as Mode, ...known };
}
