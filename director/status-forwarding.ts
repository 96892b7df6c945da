import type { ForwardingStatus } from '../node/index.ts';
import type { Topology } from '../topology/index.ts';
import type { ModeChoice } from './forwarding-mode.ts';
import type { PlaneDetail } from './plane.ts';

/** How the services are forwarded, for status. */
export function forwardingStatus(
  topology: Topology,
  modes: ReadonlyMap<string, ModeChoice>,
  planes: readonly PlaneDetail[],
): ForwardingStatus {
  return {
    services: topology.services.map(({ name, forwarding }) => ({
      service: name,
      wanted: forwarding,
      mode: modes.get(name)?.mode ?? 'proxy',
      why: modes.get(name)?.why ?? '',
    })),
    planes: planes.map(({ plane, flows }) => ({ plane, ...(flows === undefined ? {} : { flows }) })),
  };
}
