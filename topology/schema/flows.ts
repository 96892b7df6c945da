/** The flow tables of directors. */
import { z } from 'zod';
import { onFullRules } from '../types.ts';
import { documented } from './documented.ts';
import { choice, duration, integer } from './scalars.ts';

const atTheNextTables =
  'None: a running director keeps the tables it has; headgate director --detach and a new start make others.';

export const flowsSchema = z.strictObject(
  {
    capacity: documented(integer(1_024, 64_000_000).prefault(1_048_576), {
      about: 'Most confirmed flows of a director. These are never pushed out by others.',
      unit: 'count, 1024 to 64000000',
      effect: atTheNextTables,
    }),
    unconfirmed: documented(integer(1_024, 16_000_000).prefault(262_144), {
      about:
        'Most flows of a director that no balancer has confirmed yet. The least recently used make room, so that floods end here.',
      unit: 'count, 1024 to 16000000',
      effect: atTheNextTables,
    }),
    idle: documented(duration(60_000, 86_400_000).prefault('1h'), {
      about:
        'Silence after which a flow may be forgotten when the table is more than 90 % full. Only flows of balancers that do not speak headgate: others say themselves what has ended.',
      unit: 'duration, 1m to 24h',
      effect: 'Shorter: connections that were silent for so long may be moved when the table is nearly full.',
    }),
    onFull: documented(choice(onFullRules).prefault('maglev'), {
      about:
        'What happens when no flow can be added. maglev: packets go where the hash says, which is the same balancer as long as the set of balancers is. refuse: new connections are refused.',
      unit: 'word',
      effect: 'None: it applies to connections that begin after the change.',
    }),
    resetsPerSecond: documented(integer(1, 1_000_000).prefault(5_000), {
      about:
        'How fast the clients of a dead balancer are told (RST), so that they do not all come back at once.',
      unit: 'count per second, 1 to 1000000',
      effect: 'None. A changed rate holds at once, also for clients that are being told.',
    }),
  },
  { error: 'a map with capacity, unconfirmed, idle, onFull, resetsPerSecond' },
);
