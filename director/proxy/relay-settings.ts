import type { ListenSpec } from '../../lib/relay/index.ts';
import type { ListenerState } from './listener-plan.ts';

/** Length of the accept queue; as the balancers'. */
const backlog = 4_096;

/** How long a client may take to send an expected PROXY header: it is the first thing its proxy sends. */
const headerTimeoutMs = 5_000;

/** What the relay is told about a service's listener. */
export function listenSpec({ name, listen, settings }: ListenerState): ListenSpec {
  const { acceptProxy, ...tcp } = settings;
  return {
    service: name,
    endpoint: listen,
    backlog,
    reusePort: false,
    acceptProxy: acceptProxy === 'off' ? [] : [acceptProxy],
    settings: { ...tcp, headerTimeoutMs },
  };
}
