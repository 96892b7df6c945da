/** Flows as people ask for them. */
import { formatEndpoint, type Endpoint } from '../../lib/address/index.ts';
import { formatIp, ipBytes } from '../../lib/packet/index.ts';
import { flowKey, flowKeyLayout, flowLayout, FlowState, type FlowEntry } from '../forward/index.ts';
import type { Flow, FoundFlow } from '../plane.ts';
import type { DataPath } from './data-path.ts';
import { decodeFlow } from './encode.ts';

const stateNames: Readonly<Record<FlowState, FoundFlow['state']>> = {
  [FlowState.Opening]: 'opening',
  [FlowState.Established]: 'established',
  [FlowState.Closing]: 'closing',
};

export interface RawFlow extends Pick<FlowEntry, 'balancer' | 'generation' | 'mode'> {
  readonly state: FoundFlow['state'];
  readonly confirmed: boolean;
}

/** The entry of a client with a service. */
export function findFlow(
  { maps }: Pick<DataPath, 'maps'>,
  { host, port }: Endpoint,
  service: number,
): RawFlow | undefined {
  const key = flowKey(ipBytes(host), port, service);
  const confirmed = maps.flows.lookup(key);
  const value = confirmed ?? maps.flows_new.lookup(key);
  if (value === undefined) return undefined;
  const { balancer, generation, mode, state } = decodeFlow(value);
  return { balancer, generation, mode, state: stateNames[state], confirmed: confirmed !== undefined };
}

/** Names of indices. */
export interface FlowNames {
  service(index: number): string | undefined;
  balancer(index: number, generation: number): string | undefined;
}

/** At most `most` flows, the confirmed ones first. */
export function listFlows({ maps }: Pick<DataPath, 'maps'>, names: FlowNames, most: number): Flow[] {
  const flows: Flow[] = [];
  for (const map of [maps.flows, maps.flows_new]) {
    for (const { count, keys, values } of map.batch.read()) {
      for (let index = 0; index < count && flows.length < most; index++) {
        const { balancer: owner, generation } = decodeFlow(values, index * flowLayout.size);
        const key = flowKeyLayout.read(keys, index * flowKeyLayout.size);
        const service = names.service(key.service);
        const balancer = names.balancer(owner, generation);
        if (service === undefined || balancer === undefined) continue;
        flows.push({ service, client: clientText(key.client, key.clientPort), balancer });
      }
      if (flows.length >= most) return flows;
    }
  }
  return flows;
}

const mappedPrefix = '00000000000000000000ffff';

function clientText(address: Uint8Array, port: number): string {
  const isV4 = Buffer.from(address.subarray(0, 12)).toString('hex') === mappedPrefix;
  return formatEndpoint({ host: formatIp(isV4 ? address.subarray(12) : address), port });
}
