/** The xdp plane on this machine: where it pins, whether it works, and how it is opened. */
import { join } from 'node:path';
import { describeError, isHeadgateError } from '../../lib/errors/index.ts';
import { BPFFS, bpfAvailable, bpffsAvailable, isBpffs, tcxAvailable } from '../../lib/linux/bpf/index.ts';
import { Netlink, NextHops, systemNextHopSource } from '../../lib/linux/netlink/index.ts';
import { environment } from '../../node/index.ts';
import type { Director, Topology } from '../../topology/index.ts';
import type { Lack } from '../forwarding-mode.ts';
import { createPacketSender } from '../packet-sender.ts';
import type { PacketPlane, PacketPlaneContext, PacketPlaneKind } from '../packet-planes.ts';
import { DataPath, detachPinned, pinnedCapacity } from './data-path.ts';
import { defaultCapacity, flowTableBytes, type Capacity } from './maps.ts';
import { kernelModes } from './modes.ts';
import { tickOf } from '../forward/index.ts';
import { findWire } from './wire.ts';
import type { Wire } from './ways.ts';
import { hookText } from './plane-view.ts';
import { XdpPlane } from './xdp-plane.ts';

/** The directory a director pins in. */
export function pinDirectory(
  env: Readonly<NodeJS.ProcessEnv>,
  { cluster }: Pick<Topology, 'cluster'>,
  { name }: Pick<Director, 'name'>,
): string {
  return join(env[environment.bpffs] ?? BPFFS, `headgate-${cluster}-${name}`);
}

/** The kind, for directors whose environment is `env`. */
export function xdpKind(env: Readonly<NodeJS.ProcessEnv>): PacketPlaneKind {
  return {
    name: 'xdp',
    modes: kernelModes,
    takesVip: false,
    endsBy: 'stop the director and run headgate director --detach',
    lack: (topology, director) => lackOf(env, topology, director),
    requireInterface: (director) => void wireOf(director),
    isPinned: (topology, director) => isBpffs(pinDirectory(env, topology, director)),
    open: (context) => open(env, context),
  };
}

function lackOf(env: Readonly<NodeJS.ProcessEnv>, topology: Topology, director: Director): Lack | undefined {
  for (const available of [bpfAvailable(), bpffsAvailable(env[environment.bpffs] ?? BPFFS)]) {
    if (!available.available) return available;
  }
  try {
    wireOf(director);
    return undefined;
  } catch (error) {
    if (!isHeadgateError(error)) throw error;
    return { reason: error.message, cure: error.cure };
  }
}

/** Hardware takes the program in its driver; ends of virtual pairs behind it, where packets are whole. */
function hookOf({ native }: Wire): 'any' | 'tcx' | 'generic' {
  if (native) return 'any';
  return tcxAvailable().available ? 'tcx' : 'generic';
}

function wireOf(director: Director): Wire {
  const netlink = Netlink.open();
  try {
    return findWire(netlink, director);
  } finally {
    netlink.close();
  }
}

function open(env: Readonly<NodeJS.ProcessEnv>, context: PacketPlaneContext): PacketPlane {
  const { director, topology, tier } = context;
  const { log } = tier;
  const wire = wireOf(director);
  const directory = pinDirectory(env, topology, director);
  const wanted: Capacity = {
    ...defaultCapacity,
    flows: topology.flows.capacity,
    unconfirmedFlows: topology.flows.unconfirmed,
  };
  // Flows that live are worth more than a size: a changed one needs new tables, and these lose nobody.
  const capacity = pinnedCapacity(directory) ?? wanted;
  const path = DataPath.open({
    directory,
    ifindex: wire.ifindex,
    mode: hookOf(wire),
    capacity,
  });
  try {
    const plane = makePlane(context, path, wire);
    log.info(
      { interface: wire.name, mode: path.mode, adopted: path.adopted },
      `packets are forwarded in the kernel: ${hookText(path.mode)} on ${wire.name}${path.adopted ? ', with the tables and flows of the earlier process' : ''}`,
    );
    const { flows, unconfirmedFlows } = capacity;
    const mib = Math.ceil(flowTableBytes(capacity) / 1_048_576);
    log.info(
      `flow tables: ${flows} confirmed and ${unconfirmedFlows} unconfirmed flows, about ${mib} MiB of kernel memory`,
    );
    if (flows !== wanted.flows || unconfirmedFlows !== wanted.unconfirmedFlows)
      log.warn(
        `the flow tables keep their sizes, not those of the topology (${wanted.flows}, ${wanted.unconfirmedFlows}): headgate director --detach and a new start make others`,
      );
    return plane;
  } catch (error) {
    path.close();
    throw error;
  }
}

function makePlane(context: PacketPlaneContext, path: DataPath, wire: Wire): XdpPlane {
  const { director, topology, tier, proxied, onChange } = context;
  const { clock, log } = tier;
  let plane: XdpPlane | undefined;
  const ways = new NextHops({
    source: systemNextHopSource(),
    clock,
    onChange: () => {
      plane?.waysChanged();
      onChange();
    },
    onTrouble: (error) => log.warn(`next hops: ${describeError(error)}`),
  });
  try {
    plane = new XdpPlane({
      path,
      wire,
      lookAtWire: () => wireOf(director),
      ways,
      host: director.host,
      topology,
      clock,
      log,
      tick: () => tickOf(process.hrtime.bigint()),
      pause: () => new Promise((resolve) => setImmediate(resolve)),
      proxied,
      sender: createPacketSender({
        clock,
        onUnavailable: (error) =>
          log.warn(`clients of dead balancers are told at their next packet only: ${describeError(error)}`),
      }),
      random: Math.random,
    });
    return plane;
  } catch (error) {
    ways.close();
    throw error;
  }
}

/**
 * Takes away what directors of this name have left in the kernel, of whatever version; false when there is nothing. Throws
 * what the kernel says.
 */
export function detachDirector(
  env: Readonly<NodeJS.ProcessEnv>,
  topology: Pick<Topology, 'cluster'>,
  director: Pick<Director, 'name'>,
): boolean {
  return detachPinned(pinDirectory(env, topology, director));
}
