import { createHeartbeats } from '../lib/heartbeat/index.ts';
import { getrlimitNofile } from '../lib/linux/index.ts';
import { encodeProxyHeader } from '../lib/proxy-protocol/index.ts';
import { connectionLimit, createNodeRelay } from '../lib/relay/index.ts';
import type { StartTier } from '../node/index.ts';
import { startDirectorWith } from './director.ts';
import { xdpKind } from './xdp/index.ts';

/**
 * Starts a director of the topology: listens on every VIP and beats every balancer. Throws
 * HEADGATE_DIRECTOR_NOT_IN_TOPOLOGY, and HEADGATE_DIRECTOR_APPLY with the listener's failure as its cause.
 */
export const startDirector: StartTier = (context) =>
  startDirectorWith(context, {
    createRelay: createNodeRelay,
    createHeartbeats,
    preface: (source, destination) => encodeProxyHeader('v2', source, destination),
    limit: connectionLimit(getrlimitNofile()?.soft ?? Infinity),
    random: Math.random,
    packetPlanes: [xdpKind(process.env)],
  });
