import type { HeartbeatTarget, TargetProbe } from '../lib/heartbeat/index.ts';
import type { ChatServer } from '../topology/index.ts';
import type { PooledUpstream } from './upstream-pool.ts';

/** Whom the balancer beats: every chat server it may send to, and removed ones until their last connection ends. */
export function heartbeatTargets(upstreams: readonly PooledUpstream[]): readonly HeartbeatTarget[] {
  return upstreams.map(({ upstream, chatserver }) => ({ id: upstream.key, probe: targetProbe(chatserver) }));
}

function targetProbe({ name, address, controlPort, probe }: ChatServer): TargetProbe {
  const { host } = address;
  if (probe.kind === 'off') return { kind: 'off' };
  if (probe.kind === 'headgate')
    return { kind: 'headgate', node: name, endpoint: { host, port: controlPort } };
  const { send, expect } = probe;
  return {
    kind: 'tcp',
    endpoint: { host, port: probe.port ?? address.port },
    ...(send === undefined ? {} : { send }),
    ...(expect === undefined ? {} : { expect }),
  };
}
