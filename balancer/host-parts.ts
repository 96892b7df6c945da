/** What a balancer's process asks of the host it runs on. */
import type { Logger } from 'pino';
import { checkHost, prepareHost } from '../lib/host-setup/index.ts';
import { runtimeDirectory, type TierContext } from '../node/index.ts';
import { ownAddresses, type Topology } from '../topology/index.ts';
import { vipObstacle } from './check-topology.ts';
import { hostOwner } from './host-wishes.ts';
import type { SupervisorOptions } from './supervisor.ts';
import { modesOf, obstacleOf, wantedVips } from './vip-needs.ts';

/** What prepares the host; tests bring their own. */
export type HostParts = Pick<SupervisorOptions, 'vips' | 'prepareHost' | 'checkHost'>;

/** Prepares the host that `host` is an address of, in the name of this node. */
export function hostParts(
  { topology, node, log }: Pick<TierContext, 'topology' | 'node' | 'log'>,
  host: string,
): HostParts {
  const told = new Set<string>();
  const own = {
    owner: hostOwner('balancer', topology, node),
    host,
    stateDirectory: runtimeDirectory(process.env),
  };
  return {
    vips: (wanted, me, waysOf) =>
      wantedVips(wanted, me, waysOf).filter((need) => {
        const obstacle = obstacleOf(need, wanted, new Set(ownAddresses()));
        if (obstacle !== undefined) tell(log, told, wanted, need.service, obstacle);
        return obstacle === undefined;
      }),
    checkHost: (needs, wanted) => {
      for (const need of needs) {
        const obstacle = obstacleOf(need, wanted, new Set(ownAddresses()));
        if (obstacle !== undefined) throw vipObstacle(need, obstacle);
      }
      checkHost({
        ...own,
        vips: Array.from(modesOf(needs), ([address, mode]) => ({ address, mode })),
        directors: wanted.directors.map((director) => director.host),
      });
    },
    prepareHost: (wishes) => prepareHost({ ...wishes, ...own }),
  };
}

/** Once for each service that demands it; nobody asked for what `auto` would like. */
function tell(log: Logger, told: Set<string>, topology: Topology, service: string, obstacle: string): void {
  const forwarding = topology.services.find(({ name }) => name === service)?.forwarding;
  if (forwarding === 'auto' || told.has(service)) return;
  told.add(service);
  log.warn(`service ${service}: takes no packets for its VIP: ${obstacle}`);
}
