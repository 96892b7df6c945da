import { ipBytes } from '../../lib/packet/index.ts';
import type { Endpoint } from '../../lib/address/index.ts';
import type { BpfMap } from '../../lib/linux/bpf/index.ts';
import type { DeadBalancer, FlowSource, OwnedFlow } from '../bereaved.ts';
import { flowKeyLayout, flowLayout, FlowState } from '../forward/index.ts';
import type { DataPathMaps } from './data-path.ts';
import { decodeFlow } from './encode.ts';

/** The part of a DataPath that is walked. */
export interface BereavedPath {
  readonly maps: Pick<DataPathMaps, 'flows' | 'flows_new'>;
}

/** A flow in the maps. */
export interface MapFlow {
  readonly map: BpfMap;
  /** Bytes of flowKey(). */
  readonly key: Uint8Array;
}

/**
 * The flows of the kernel as Bereaved walks them: the confirmed ones, then the evictable ones that are established. `vip`
 * says where the clients of a service connect to; flows of a service that has none are only removed.
 */
export function flowsInMaps(
  { maps }: BereavedPath,
  vip: (service: number) => Endpoint | undefined,
): FlowSource<MapFlow> {
  return {
    *walk(wanted) {
      for (const map of [maps.flows, maps.flows_new]) yield* slicesOf(map, wanted);
    },
    read({ map, key }) {
      const value = map.peek(key);
      if (value === undefined) return undefined;
      // A confirmed one that opens again is told too: its SYN may be forged.
      const isYoung = map !== maps.flows && flowLayout.get(value, 'state') === FlowState.Opening;
      return isYoung ? undefined : ownedFlow(key, value, vip);
    },
    remove: ({ map, key }) => map.delete(key),
  };
}

function* slicesOf(map: BpfMap, wanted: (owner: DeadBalancer) => boolean): Generator<MapFlow[], void> {
  for (const { count, keys, values } of map.batch.read()) {
    const found: MapFlow[] = [];
    for (let index = 0; index < count; index++) {
      const at = index * flowLayout.size;
      const owner = {
        index: flowLayout.get(values, 'balancer', at),
        generation: flowLayout.get(values, 'generation', at),
      };
      if (!wanted(owner)) continue;
      // The batch is reused by the next one.
      found.push({ map, key: keys.slice(index * flowKeyLayout.size, (index + 1) * flowKeyLayout.size) });
    }
    yield found;
  }
}

function ownedFlow(
  key: Uint8Array,
  value: Uint8Array,
  vipOf: (service: number) => Endpoint | undefined,
): OwnedFlow {
  const { client, clientPort, service } = flowKeyLayout.read(key);
  const { balancer, generation, lastAck } = decodeFlow(value);
  const owner = { index: balancer, generation };
  const vip = vipOf(service);
  if (vip === undefined) return { owner, bereft: undefined };
  const address = ipBytes(vip.host);
  const bereft = {
    vip: { address, port: vip.port },
    client: { address: address.length === 4 ? client.slice(12) : client, port: clientPort },
    lastAck,
  };
  return { owner, bereft };
}
