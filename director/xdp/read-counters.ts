import { layout, u64, type Fields, type Layout, type Values } from '../../lib/layout/index.ts';
import { possibleCpus, type BpfMap } from '../../lib/linux/bpf/index.ts';
import {
  balancerCountersLayout,
  counterNames,
  forwardCounters,
  serviceCountersLayout,
  type ForwardCounter,
  type PlaneCounter,
} from '../forward/index.ts';
import type { DataPath } from './data-path.ts';

/** Sums over all CPUs since the maps were made. */
export interface DataPathCounters {
  readonly plane: Readonly<Record<PlaneCounter, bigint>>;
  /** By index of the service. */
  readonly services: readonly (Readonly<Record<ForwardCounter, bigint>> & {
    readonly bytes: bigint;
    readonly answerBytes: bigint;
  })[];
  /** By index of the balancer. */
  readonly balancers: readonly { readonly packets: bigint; readonly bytes: bigint }[];
}

const single = layout('counter', { count: u64 }, { size: 8 });

/** Reads everything with one system call per map. */
export function readCounters({ maps }: Pick<DataPath, 'maps'>): DataPathCounters {
  const plane = sums(maps.counters, single, (one, other) => ({ count: one.count + other.count }));
  const services = sums(maps.service_count, serviceCountersLayout, (one, other) => ({
    forwarded: one.forwarded.map((count, index) => count + (other.forwarded[index] ?? 0n)),
    bytes: one.bytes + other.bytes,
    answerBytes: one.answerBytes + other.answerBytes,
  }));
  const balancers = sums(maps.balancer_count, balancerCountersLayout, (one, other) => ({
    packets: one.packets + other.packets,
    bytes: one.bytes + other.bytes,
  }));
  return {
    plane: named(counterNames, (index) => plane[index]?.count ?? 0n),
    services: services.map(({ forwarded, bytes, answerBytes }) => ({
      ...named(forwardCounters, (index) => forwarded[index] ?? 0n),
      bytes,
      answerBytes,
    })),
    balancers,
  };
}

function named<Name extends string>(
  names: readonly Name[],
  value: (index: number) => bigint,
): Record<Name, bigint> {
  return Object.fromEntries(names.map((name, index) => [name, value(index)])) as Record<Name, bigint>;
}

/** The values of a per-CPU array, summed over the CPUs. */
function sums<F extends Fields>(
  map: BpfMap,
  table: Layout<F>,
  add: (one: Values<F>, other: Values<F>) => Values<F>,
): readonly Values<F>[] {
  const cpus = possibleCpus();
  const stride = map.valueBytes / cpus;
  const totals: Values<F>[] = [];
  for (const { count, values } of map.batch.read(map.spec.maxEntries)) {
    for (let index = 0; index < count; index++) {
      const at = index * map.valueBytes;
      let total = table.read(values, at);
      for (let cpu = 1; cpu < cpus; cpu++) total = add(total, table.read(values, at + cpu * stride));
      totals.push(total);
    }
  }
  return totals;
}
