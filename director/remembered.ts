/** Health as an earlier process of this director left it in the kernel's maps; pure but for the clock handed in. */
import type { Endpoint } from '../lib/address/index.ts';
import { formatEndpoint } from '../lib/address/index.ts';
import type { TargetHealth } from '../lib/heartbeat/index.ts';
import type { Service } from '../topology/index.ts';
import type { Remembered } from './forwarding-table.ts';
import type { PlaneMemory } from './plane.ts';

export interface RememberedInput {
  readonly memories: readonly PlaneMemory[];
  /** Ids of the balancers of the topology. */
  readonly present: readonly string[];
  readonly health: (id: string) => TargetHealth | undefined;
  /** Since this process began to ask the balancers, milliseconds. */
  readonly ageMs: number;
  /** What was eligible stays so for this long without a verdict: as long as a silent balancer would. */
  readonly eligibleMs: number;
  /** Who has not come back after this long is dead; and nobody is eligible any more because it once was. */
  readonly deadMs: number;
}

/**
 * What was eligible stays eligible until the monitor has a verdict of its own or the time for it is over, which is longer
 * while not one has answered: then the fault may be here, and to refuse everybody would be the worst answer. Who was dead
 * stays dead; and who was known and has not come back in time is dead too, unless most balancers of the topology are
 * missing: then the fault may be here.
 */
export function remember(input: RememberedInput): Remembered {
  const { memories, present, health, ageMs, eligibleMs, deadMs } = input;
  const known = [...new Set(memories.flatMap(({ balancers }) => balancers.map(({ id }) => id)))];
  const isMissing = (id: string): boolean => (health(id)?.state ?? 'unknown') === 'unknown';
  // Whoever is not in the topology any more may well be gone for good.
  const silent = present.filter(isMissing).length;
  const anyBack = silent < present.length;
  const mostAreMissing = present.length >= 3 && silent * 2 > present.length;
  const lost = ageMs >= deadMs && anyBack && !mostAreMissing;
  const missing = new Set(known.filter(isMissing));
  return {
    wasEligible: ({ listen }: Pick<Service, 'listen'>, id) =>
      ageMs < (anyBack ? eligibleMs : Math.max(eligibleMs, deadMs)) &&
      memories.some(({ eligible }) => eligible.get(vip(listen))?.has(id) === true),
    isDead: (id) => memories.some(({ dead }) => dead.has(id)) || (lost && missing.has(id)),
  };
}

function vip(listen: Endpoint): string {
  return formatEndpoint(listen);
}
