import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs';
import { errnoCode, HeadgateError } from '../errors/index.ts';

/** A setting of /proc/sys, by its path there. Undefined when there is none (the interface is gone, IPv4 is off). */
export function readSysctl(path: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${path}`, 'utf8').trim();
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return undefined;
    throw new HeadgateError('HEADGATE_HOST_SYSCTL', `read ${sysctlName(path)}`, { cause: error });
  }
}

/** Throws HEADGATE_HOST_SYSCTL, whose cure is the command that does it by hand. */
export function writeSysctl(path: string, value: string): void {
  setting(path, value, () => writeFileSync(`/proc/sys/${path}`, value));
}

/** Throws as writeSysctl() where this process may not write the setting; writes nothing. */
export function requireWritable(path: string, value: string): void {
  setting(path, value, () => accessSync(`/proc/sys/${path}`, constants.W_OK));
}

function setting(path: string, value: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    throw new HeadgateError('HEADGATE_HOST_SYSCTL', `set ${sysctlName(path)} to ${value}`, {
      cause: error,
      cure: `run as root, or set it before (where /proc/sys is read-only, from outside of the container): sysctl -w ${sysctlName(path)}=${value}`,
      facts: { path, value },
    });
  }
}

/** As sysctl(8) writes it; it takes slashes where a name has dots. */
export function sysctlName(path: string): string {
  return path.includes('.') ? path : path.replaceAll('/', '.');
}
