/** Whether this host could do what a topology would have its director do; asked before a roll-out switches. */
import { sameEndpoint } from '../lib/address/index.ts';
import { HeadgateError } from '../lib/errors/index.ts';
import { tryNewPlaces } from '../node/index.ts';
import type { Director, Service, Topology } from '../topology/index.ts';
import type { ModeKeeper } from './mode-keeper.ts';
import type { PacketPlaneKind } from './packet-planes.ts';

export interface CheckOptions {
  readonly running: Topology;
  /** This director, as it runs. */
  readonly director: Director;
  readonly modes: Pick<ModeKeeper, 'preview'>;
  readonly kinds: readonly PacketPlaneKind[];
}

/**
 * Rejects with HEADGATE_DIRECTOR_MODE (a mode that is demanded anew does not work here), HEADGATE_XDP_INTERFACE, or
 * HEADGATE_RELAY_PORT_TAKEN, _ADDRESS_NOT_LOCAL, _PORT_FORBIDDEN for a VIP that the director would have to listen at. What
 * is as it was is not looked at again: a lack that is there already must not stand in the way of another change.
 */
export async function checkTopology(options: CheckOptions, topology: Topology): Promise<void> {
  const { running, director, modes, kinds } = options;
  const me = topology.directors.find(({ name, host }) => name === director.name && host === director.host);
  // A director that is removed takes nothing new.
  if (me === undefined) return;
  const was = running.directors.find(({ name }) => name === director.name);
  const hasNewInterface = me.interface !== undefined && me.interface !== was?.interface;
  if (hasNewInterface) for (const kind of kinds) kind.requireInterface?.(me);
  const preview = modes.preview(topology, me);
  const changed = topology.services.filter((service) => isNew(service, running));
  for (const { name, forwarding } of changed) {
    if (forwarding === 'auto') continue;
    const lack = preview.kinds.lackOf(forwarding);
    if (lack === undefined) continue;
    throw new HeadgateError(
      'HEADGATE_DIRECTOR_MODE',
      `service ${name}: forwarding by ${forwarding} does not work here: ${lack.reason}`,
      { cure: lack.cure },
    );
  }
  const listened = changed.filter(({ name }) => {
    const choice = preview.choices.get(name);
    if (choice?.settled !== true) return false;
    return choice.mode === 'proxy' || preview.kinds.kindOf(choice.mode)?.takesVip === true;
  });
  await tryNewPlaces(
    running,
    listened.map(({ name, listen }) => ({ service: name, endpoint: listen })),
  );
}

function isNew({ name, listen, forwarding }: Service, running: Topology): boolean {
  const old = running.services.find((service) => service.name === name);
  return old === undefined || old.forwarding !== forwarding || !sameEndpoint(old.listen, listen);
}
