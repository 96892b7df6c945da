import { linuxAvailable } from '../../lib/linux/index.ts';
import { whyNoRawSockets } from '../../lib/raw-socket/index.ts';

/** Why the raw plane cannot run here, in one line with its cure; undefined when it can. Tried once per process. */
export function whyNotRaw(): string | undefined {
  const linux = linuxAvailable();
  return linux.available ? whyNoRawSockets() : `no system calls here: ${linux.reason}`;
}
