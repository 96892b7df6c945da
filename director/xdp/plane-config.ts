import { FlowHasher, hashKeyFromHex } from '../../lib/maglev/index.ts';
import { ipBytes, macBytes } from '../../lib/packet/index.ts';
import type { ForwardConfig } from '../forward/index.ts';
import type { Wire } from './ways.ts';

/** What is the same for all packets. The first source of each family is that of tunnel packets. */
export function planeConfig(hashKey: string, wire: Wire, sources: readonly string[]): ForwardConfig {
  const source = (bytes: number): Uint8Array =>
    sources.map(ipBytes).find(({ length }) => length === bytes) ?? new Uint8Array(bytes);
  return {
    hasher: new FlowHasher(hashKeyFromHex(hashKey)),
    ownMac: macBytes(wire.mac),
    mtu: wire.mtu,
    tunnelSource4: source(4),
    tunnelSource6: source(16),
  };
}
