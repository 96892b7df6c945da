import { addressFamily } from '../address/index.ts';
import { withHost } from './host.ts';
import { tunnelMss } from './mss.ts';
import { StateFile } from './state-file.ts';
import { sysctlName } from './sysctl.ts';
import type { HostOptions } from './types.ts';
import { wantedChanges } from './wanted.ts';

/** What prepareHost() would do, in words; changes nothing. Throws HEADGATE_HOST_INTERFACE, _VIP, _STATE. */
export function planHost(options: HostOptions): readonly string[] {
  const { host: address, vips, mtu, stateDirectory } = options;
  const directors = options.directors.filter((each) => addressFamily(each) === addressFamily(address));
  return withHost((host) => {
    const binding = host.binding(address, directors, mtu);
    host.refuseForeign(vips);
    const state = new StateFile(stateDirectory).read();
    const { todo } = wantedChanges(state, binding, vips, host);
    const steps = todo.map((change) =>
      change.kind === 'address'
        ? `add ${change.address}/${change.prefixLength} to lo`
        : `set ${sysctlName(change.path)} from ${host.sysctl(change.path)} to ${change.now}`,
    );
    const wrapped = vips.filter(({ mode }) => mode === 'tun');
    for (const vip of wrapped) {
      const mss = tunnelMss(binding.mtu, address, vip.address);
      steps.push(
        `unwrap packets for ${vip.address} from ${directors.join(', ')} on ${binding.interface}; lower the MSS to ${mss}`,
      );
    }
    return steps;
  });
}
