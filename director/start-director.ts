import { createHeartbeats } from '../lib/heartbeat/index.ts';
import { getrlimitNofile } from '../lib/linux/index.ts';
import { encodeProxyHeader } from '../lib/proxy-protocol/index.ts';
import {
  createRelayFor,
  createWithFallback,
  engineLimit,
  preferredEngine,
  requireEngine,
} from '../lib/relay/index.ts';
import type { StartTier } from '../node/index.ts';
import { startDirectorWith } from './director.ts';
import { rawKind } from './raw/index.ts';
import { xdpKind } from './xdp/index.ts';

/**
 * Most connections of the proxy plane on the engine uring. A director is meant for far more, but by its other planes:
 * here every connection costs two sockets of its own.
 */
const proxiedMost = 131_072;

/**
 * Starts a director of the topology: listens on every VIP and beats every balancer. Throws
 * HEADGATE_DIRECTOR_NOT_IN_TOPOLOGY, HEADGATE_RELAY_ENGINE_UNKNOWN, HEADGATE_URING_UNAVAILABLE, and
 * HEADGATE_DIRECTOR_APPLY with the listener's failure as its cause.
 */
export const startDirector: StartTier = async (context) => {
  const engine = createRelayFor(preferredEngine('auto'));
  requireEngine(engine);
  const relays = createWithFallback(engine);
  return startDirectorWith(context, {
    createRelay: relays.create,
    engine: relays,
    createHeartbeats,
    preface: (source, destination) => encodeProxyHeader('v2', source, destination),
    limit: Math.min(proxiedMost, engineLimit(engine.engine, getrlimitNofile()?.soft ?? Infinity)),
    random: Math.random,
    packetPlanes: [xdpKind(process.env), rawKind],
  });
};
