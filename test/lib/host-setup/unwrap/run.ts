/** The two programs with maps, run on packets of our own. */
import { addressBytes } from '../../../../lib/address/index.ts';
import {
  mapSpecs,
  tunnelLayout,
  unwrapCounters,
  unwrapProgram,
  clampProgram,
  vipLayout,
  type UnwrapCounter,
} from '../../../../lib/host-setup/unwrap/index.ts';
import { loadCollection, type BpfMap, type Program } from '../../../../lib/linux/bpf/index.ts';
import { buildEthernet, EtherType } from '../../../../lib/packet/index.ts';

export const director = { 4: '10.77.0.1', 6: 'fd77::1' } as const;
export const host = { 4: '10.77.1.1', 6: 'fd77::1:1' } as const;
export const vip = { 4: '203.0.113.10', 6: '2001:db8::10' } as const;
export const client = { 4: '198.51.100.7', 6: '2001:db8:7::7' } as const;
export const mss = 1_440;

/** TC_ACT_UNSPEC as the kernel tells it: the packet goes on. */
export const next = 0xffff_ffff;

export interface Outcome {
  readonly result: number;
  /** The frame afterwards. */
  readonly frame: Uint8Array;
  /** Counters that moved. */
  readonly counted: Readonly<Partial<Record<UnwrapCounter, number>>>;
}

/** Programs that know the tunnels and VIPs above. Close them. */
export function programs() {
  const {
    maps,
    programs: loaded,
    close,
  } = loadCollection({
    maps: mapSpecs,
    programs: { unwrap: unwrapProgram, clamp: clampProgram },
  });
  for (const family of [4, 6] as const) {
    const tunnel = {
      source: addressBytes(director[family]),
      destination: addressBytes(host[family]),
    };
    maps.tunnels.update(tunnelLayout.encode(tunnel), new Uint8Array(4));
    maps.tunnel_vips.update(addressBytes(vip[family]), vipLayout.encode({ mss }));
  }
  const counts = () => unwrapCounters.map((_, index) => sum(maps.unwrap_count, index));
  const run = (program: Program, frame: Uint8Array): Outcome => {
    const before = counts();
    const { result, data } = program.test({ data: frame });
    const moved = counts().map((count, index) => count - before[index]!);
    const counted = unwrapCounters.flatMap((name, index) =>
      moved[index]! > 0 ? [[name, moved[index]!] as const] : [],
    );
    return { result, frame: data, counted: Object.fromEntries(counted) };
  };
  return {
    unwrap: (frame: Uint8Array) => run(loaded.unwrap, frame),
    clamp: (frame: Uint8Array) => run(loaded.clamp, frame),
    close,
  };
}

/** An IP packet as a frame. */
export function frameOf(packet: Uint8Array): Uint8Array {
  const etherType = packet[0]! >> 4 === 4 ? EtherType.Ipv4 : EtherType.Ipv6;
  return buildEthernet({ source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02', etherType }, packet);
}

function sum(map: BpfMap, index: number): number {
  return (map.lookupPerCpu(index) ?? []).reduce(
    (total, value) => total + Number(new DataView(value.buffer, value.byteOffset, 8).getBigUint64(0, true)),
    0,
  );
}
