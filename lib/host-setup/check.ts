import { addressFamily } from '../address/index.ts';
import { withHost } from './host.ts';
import { StateFile } from './state-file.ts';
import type { HostOptions } from './types.ts';
import { tunnelAvailable } from './unwrap/index.ts';
import { wantedChanges } from './wanted.ts';

/**
 * Whether prepareHost() could, as far as that can be found out without a change. Throws HEADGATE_HOST_INTERFACE, _VIP,
 * _UNWRAP, _STATE, and HEADGATE_HOST_ADDRESS or _SYSCTL where this process may not change the host.
 */
export function checkHost(options: HostOptions): void {
  const { host: address, vips, mtu, stateDirectory } = options;
  const directors = options.directors.filter((each) => addressFamily(each) === addressFamily(address));
  withHost((host) => {
    const binding = host.binding(address, directors, mtu);
    host.refuseForeign(vips);
    if (vips.some(({ mode }) => mode === 'tun')) tunnelAvailable();
    const { todo } = wantedChanges(new StateFile(stateDirectory).read(), binding, vips, host);
    for (const change of todo) host.requireRightTo(change);
  });
}
