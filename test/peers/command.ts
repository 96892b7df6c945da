/** Finding software that nobody here wrote, and knowing when it listens. */
import { accessSync, constants } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:net';
import path from 'node:path';
import { formatEndpoint, type Endpoint } from '../../lib/address/index.ts';
import type { Program } from '../processes.ts';
import { until } from '../until.ts';

/** Daemons live in sbin, which is not in the path of everybody. */
const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'];

/** Starts a program on another host; whether it listens is for the caller to find out. */
export type StartElsewhere = (argv: readonly string[]) => Promise<Program>;

/** Path of a command, or undefined when it is not installed. */
export function findCommand(name: string): string | undefined {
  return folders.map((folder) => path.join(folder, name)).find((file) => isAllowed(file, constants.X_OK));
}

/** Path of a command that `probeCommands` has found. */
export function command(name: string): string {
  const found = findCommand(name);
  if (found === undefined) throw new Error(`${name} is not installed`);
  return found;
}

/** Why a test that wants these commands (or files, by absolute path) is skipped; undefined when all are there. */
export function probeCommands(...names: string[]): string | undefined {
  const missing = names.filter((name) => {
    return path.isAbsolute(name) ? !isAllowed(name, constants.R_OK) : findCommand(name) === undefined;
  });
  return missing.length === 0 ? undefined : `no ${missing.join(', ')}: npm run test:deps installs it`;
}

/** Waits until `program` accepts connections there; rejects with its last lines when it ends instead. */
export async function untilListening(program: Program, endpoint: Endpoint): Promise<void> {
  const accepts = async (): Promise<boolean> => {
    const socket = connect(endpoint.port, endpoint.host);
    try {
      await once(socket, 'connect');
      return true;
    } finally {
      socket.destroy();
    }
  };
  await until(accepts, {
    describe: `a listener on ${formatEndpoint(endpoint)}`,
    hopeless: () => program.ending,
  });
}

function isAllowed(file: string, mode: number): boolean {
  try {
    accessSync(file, mode);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EACCES' || code === 'ENOTDIR') return false;
    throw error;
  }
}
