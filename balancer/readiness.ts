import type { ServiceReadiness } from '../lib/heartbeat/index.ts';

/** What decides whether a service of this node takes new connections. */
export interface ReadinessFacts {
  readonly draining: boolean;
  /** At least one worker listens for it. */
  readonly listening: boolean;
  /**
   * At least one worker is full, and the kernel would still send it a share of the clients; or no chat server has room
   * and the queue is full.
   */
  readonly full: boolean;
  /** At least one chat server can take a connection. */
  readonly canTake: boolean;
}

/** What the heartbeat tells of a service. One that cannot listen is as good as one without chat servers. */
export function readinessOf({ draining, listening, full, canTake }: ReadinessFacts): ServiceReadiness {
  if (draining) return 'draining';
  if (!listening || !canTake) return 'no-upstream';
  return full ? 'full' : 'serving';
}
