/** A director on a small plane, its topologies, and what its balancers report. */
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import { stringify } from 'yaml';
import { detachPinned } from '../../../director/xdp/data-path.ts';
import type { PacketPlaneKind } from '../../../director/packet-planes.ts';
import { mountBpffs, unmountBpffs } from '../../../lib/linux/bpf/index.ts';
import { ipBytes } from '../../../lib/packet/index.ts';
import { parseTopology, type Topology } from '../../../topology/index.ts';
import { ifindexOf, temporaryDirectory } from '../../lib/linux/bpf/own-namespaces.ts';
import { ManualClock } from '../../manual-clock.ts';
import { silentLog } from '../fixtures.ts';
import { SmallPlane, vip, vipPort } from './small-plane.ts';

export interface SmallTopologyOptions {
  /** Default chat. */
  readonly service?: string;
  /** Default dr. */
  readonly mode?: string;
  /** Its balancers do not speak headgate; default: they do. */
  readonly foreign?: boolean;
  readonly flows?: object;
  /** Services besides, in the words of the file. */
  readonly others?: object;
}

/** One service and the balancers of these names: b1 at 10.0.1.1 and so on. */
export function smallTopology(names: readonly string[], options: SmallTopologyOptions = {}): Topology {
  const { service = 'chat', mode = 'dr', foreign = false, flows, others } = options;
  const probe = foreign ? { heartbeat: { probe: 'tcp' } } : {};
  const { topology, ...rest } = parseTopology(
    stringify({
      version: 1,
      cluster: 'test',
      secret: { env: 'NOT_READ_HERE' },
      hashKey: '000102030405060708090a0b0c0d0e0f',
      flows: { capacity: 1_024, unconfirmed: 1_024, ...flows },
      services: { [service]: { listen: `${vip}:${vipPort}`, forwarding: mode }, ...others },
      directors: { d1: { host: '10.0.0.1' } },
      balancers: Object.fromEntries(names.map((name) => [name, { host: hostOf(name), ...probe }])),
      chatservers: { c1: { address: '10.0.2.1:7000' } },
    }),
    'topology.yaml',
  );
  if (topology === undefined) throw new Error(JSON.stringify(rest));
  return topology;
}

export const hostOf = (name: string): string => `10.0.1.${name.slice(1)}`;
export const idOf = (name: string): string => `${name}@${hostOf(name)}`;

/** What becomes of a packet that goes to a balancer. */
export const sentTo = (name: string) => ({ kind: 'sent', host: hostOf(name), mode: 'dr' }) as const;

/** `kinds`: other planes of the director. */
export async function withDirector(
  use: (director: SmallPlane) => Promise<void>,
  kinds: readonly PacketPlaneKind[] = [],
  log: Logger = silentLog,
): Promise<void> {
  const root = temporaryDirectory();
  mountBpffs(root);
  const directory = join(root, 'd1');
  const director = new SmallPlane({
    directory,
    ifindex: ifindexOf('hg-xdp-a'),
    clock: new ManualClock(),
    kinds,
    log,
  });
  try {
    await use(director);
  } finally {
    await director.kill();
    director.close();
    detachPinned(directory);
    unmountBpffs(root);
    rmSync(dirname(root), { recursive: true });
  }
}

/** These balancers answer their heartbeats. */
export async function beUp(director: SmallPlane, ...names: readonly string[]): Promise<void> {
  for (const name of names) director.beats.set(idOf(name), 'up');
  await director.wait(100);
}

/** A balancer says which connections it has at the VIP; all of them in a full listing. */
export function report(
  director: SmallPlane,
  name: string,
  ports: readonly number[],
  isListing = false,
): void {
  const balancer = idOf(name);
  const base = { balancer, service: `${vip}:${vipPort}`, confirmed: [], disowned: [] };
  const confirmed = ports.map((port) => ({ address: ipBytes('192.0.2.1'), port }));
  if (isListing) director.plane.report(balancer, { ...base, listing: 'begin' });
  director.plane.report(balancer, { ...base, confirmed, listing: isListing ? 'end' : 'none' });
}
