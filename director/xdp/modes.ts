/** Modes of the topology as the numbers of the program. */
import { Mode } from '../forward/index.ts';
import type { ServiceMode } from '../forwarding-mode.ts';

const numbers: Partial<Record<ServiceMode, Mode>> = {
  dr: Mode.Dr,
  tun: Mode.Tun,
  nat: Mode.Nat,
  proxy: Mode.Proxy,
};

/** Modes in which the program forwards; proxy means that it leaves packets alone. */
export const kernelModes: readonly ServiceMode[] = (Object.keys(numbers) as ServiceMode[]).filter(
  (mode) => mode !== 'proxy',
);

/** Undefined for a mode that the program does not know. */
export function modeNumber(mode: ServiceMode): Mode | undefined {
  return numbers[mode];
}

/** Undefined for a number that no mode has. */
export function modeName(number: number): ServiceMode | undefined {
  return (Object.keys(numbers) as ServiceMode[]).find((mode) => numbers[mode] === number);
}
