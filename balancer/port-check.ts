import { formatEndpoint, type Endpoint } from '../lib/address/index.ts';
import type { Clock } from '../lib/clock/index.ts';
import { HeadgateError, isHeadgateError } from '../lib/errors/index.ts';
import { tryListening } from '../lib/relay/index.ts';

/** How long the workers of a predecessor that was killed may take to leave. */
const patienceMs = 2_000;
const pauseMs = 50;

/**
 * Rejects with HEADGATE_RELAY_PORT_TAKEN when somebody else listens on one of the endpoints. Sharing a port
 * (SO_REUSEPORT) never fails among processes of one user, so a balancer started twice would silently halve the
 * clients; a listener that does not share finds out. Other obstacles are left to the workers, who tell them better.
 */
export async function refuseTakenPorts(endpoints: readonly Endpoint[], clock: Clock): Promise<void> {
  for (const endpoint of endpoints) {
    const giveUpMs = clock.now() + patienceMs;
    while (await isTaken(endpoint)) {
      if (clock.now() >= giveUpMs) {
        throw new HeadgateError(
          'HEADGATE_RELAY_PORT_TAKEN',
          `another process listens on ${formatEndpoint(endpoint)}`,
        );
      }
      await new Promise<void>((resolve) => void clock.after(pauseMs, resolve));
    }
  }
}

async function isTaken(endpoint: Endpoint): Promise<boolean> {
  try {
    await tryListening({ service: '', endpoint });
    return false;
  } catch (error) {
    return isHeadgateError(error, 'HEADGATE_RELAY_PORT_TAKEN');
  }
}
