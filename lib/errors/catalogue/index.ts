import { balancerErrors } from './balancer.ts';
import { bpfErrors } from './bpf.ts';
import { chatErrors } from './chat.ts';
import { cliErrors } from './cli.ts';
import { controlErrors } from './control.ts';
import { directorErrors } from './director.ts';
import type { CatalogueEntry } from './entry.ts';
import { etcdErrors } from './etcd.ts';
import { heartbeatErrors } from './heartbeat.ts';
import { hostErrors } from './host.ts';
import { linuxErrors } from './linux.ts';
import { netlinkErrors } from './netlink.ts';
import { nodeErrors } from './node.ts';
import { rawErrors } from './raw.ts';
import { rawSocketErrors } from './raw-socket.ts';
import { relayErrors } from './relay.ts';
import { rolloutErrors } from './rollout.ts';
import { topologyErrors } from './topology.ts';
import { uringErrors } from './uring.ts';
import { xdpErrors } from './xdp.ts';

export type { CatalogueEntry } from './entry.ts';

const parts = {
  ...topologyErrors,
  ...controlErrors,
  ...etcdErrors,
  ...heartbeatErrors,
  ...linuxErrors,
  ...netlinkErrors,
  ...bpfErrors,
  ...uringErrors,
  ...hostErrors,
  ...rawErrors,
  ...rawSocketErrors,
  ...relayErrors,
  ...directorErrors,
  ...xdpErrors,
  ...balancerErrors,
  ...chatErrors,
  ...nodeErrors,
  ...rolloutErrors,
  ...cliErrors,
};

/** A stable error code, such as HEADGATE_TOPOLOGY_UNKNOWN_KEY. */
export type ErrorCode = keyof typeof parts;

/** Every error headgate can tell, by code. docs/errors.md is written from it and compared with it by a test. */
export const catalogue: Readonly<Record<ErrorCode, CatalogueEntry>> = parts;
