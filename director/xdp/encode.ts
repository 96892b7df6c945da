/** Plain data as the bytes of the maps, and back. */
import type { FlowHasher } from '../../lib/maglev/index.ts';
import {
  balancerLayout,
  BalancerState,
  configLayout,
  flowLayout,
  mapped,
  serviceLayout,
  type FlowEntry,
  type FlowState,
  type ForwardBalancer,
  type ForwardConfig,
  type ForwardService,
  type Mode,
} from '../forward/index.ts';
import { tableBytes } from './maps.ts';

/** Value of `config`, with the date of packets. */
export function encodeConfig(config: ForwardConfig, tick: number): Uint8Array {
  const { hasher, ownMac, mtu, tunnelSource4, tunnelSource6, refuseNew = false } = config;
  return configLayout.encode({
    ...hashKeyWords(hasher),
    ownMac,
    mtu,
    tunnelSource4,
    tunnelSource6,
    tick,
    refuseNew: Number(refuseNew),
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

/** Value of `flows` and `flows_new`. */
export function encodeFlow(entry: FlowEntry): Uint8Array {
  return flowLayout.encode(entry);
}

/** An entry of either flow map. State and mode are what programs and control plane of this layout version wrote. */
export function decodeFlow(bytes: Uint8Array, at = 0): FlowEntry {
  const { balancer, generation, state, mode, lastAck, lastSeen } = flowLayout.read(bytes, at);
  return { balancer, generation, state: state as FlowState, mode: mode as Mode, lastAck, lastSeen };
}
