import { endpointsOverlap, sameEndpoint } from '../../lib/address/index.ts';
import { isDeepStrictEqual } from 'node:util';
import type { ForwardingSettings, ServiceForwarding } from '../forwarding-table.ts';

/** What a listener that is open was opened or last updated with. */
export type ListenerState = Pick<ServiceForwarding, 'name' | 'listen' | 'settings'>;

/** The difference between what listens and what should; carried out in the order of the fields. */
export interface ListenerPlan {
  /** Names of services whose listener has to go before others can open. */
  readonly close: readonly string[];
  /** Services to open; a listener of the same name that is still open is closed once the new one listens. */
  readonly open: readonly ListenerState[];
  /** Services whose settings changed; only new connections notice. */
  readonly update: readonly ListenerState[];
}

export function planListeners(
  running: readonly ListenerState[],
  wanted: readonly ListenerState[],
): ListenerPlan {
  const current = new Map(running.map((listener) => [listener.name, listener]));
  const open = wanted.filter(({ name, listen }) => {
    const old = current.get(name);
    return old === undefined || !sameEndpoint(old.listen, listen);
  });
  const close = running.filter(({ name, listen }) => {
    const kept = wanted.find((service) => service.name === name);
    // A replaced listener stays until its successor listens, unless a new one wants its place.
    return (
      kept === undefined ||
      (open.includes(kept) && open.some((other) => endpointsOverlap(other.listen, listen)))
    );
  });
  const update = wanted.filter((service) => {
    const old = current.get(service.name);
    return old !== undefined && !open.includes(service) && !sameSettings(old.settings, service.settings);
  });
  return { close: close.map(({ name }) => name), open, update };
}

function sameSettings(one: ForwardingSettings, other: ForwardingSettings): boolean {
  return isDeepStrictEqual(one, other);
}
