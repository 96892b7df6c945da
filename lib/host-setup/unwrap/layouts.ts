/** What the programs and the control plane share. */
import { bytes, layout, u32 } from '../../layout/index.ts';
import type { MapSpec } from '../../linux/bpf/index.ts';

/** A tunnel: from a director to this host. Addresses of 16 bytes, IPv4 as v4-mapped. */
export const tunnelLayout = layout('tunnel', { source: bytes(16), destination: bytes(16) }, { size: 32 });

/** A VIP that comes wrapped. */
export const vipLayout = layout('tunnel_vip', { mss: u32 }, { size: 4 });

/** Counters of the programs; docs/counters.md says what they mean. The index is the place in the map. */
export const unwrapCounters = [
  'unwrapped',
  'tunnelForeignSource',
  'tunnelForeignVip',
  'tunnelFragments',
  'tunnelMalformed',
  'tunnelRefused',
  'mssLowered',
] as const;
export type UnwrapCounter = (typeof unwrapCounters)[number];

/** Most directors, and most VIPs, of one owner. */
export const tunnelsMost = 1_024;
export const vipsMost = 1_024;

const small = { type: 'hash', preallocate: false } as const;

export const mapSpecs = {
  tunnels: { ...small, keySize: tunnelLayout.size, valueSize: 4, maxEntries: tunnelsMost },
  tunnel_vips: { ...small, keySize: 16, valueSize: vipLayout.size, maxEntries: vipsMost },
  unwrap_count: { type: 'per-cpu-array', keySize: 4, valueSize: 8, maxEntries: unwrapCounters.length },
} as const satisfies Readonly<Record<string, MapSpec>>;
