import { isBpffs } from '../linux/bpf/index.ts';
import { withHost } from './host.ts';
import { forget } from './state.ts';
import { isRunning, StateFile } from './state-file.ts';
import { removePins } from './unwrap/index.ts';

export interface UndoneHost {
  /** What was done, in words. */
  readonly log: readonly string[];
  /** Owners that still run and were left alone: their process undoes at its end. */
  readonly running: readonly { readonly owner: string; readonly pid: number }[];
}

/**
 * Undoes what owners left behind whose process was killed, or who were prepared by a command. Owners that were never
 * here, and those that run, are left alone. Throws HEADGATE_HOST_STATE, _BUSY, _SYSCTL, _ADDRESS.
 */
export async function undoHost(options: {
  readonly owners: readonly string[];
  readonly stateDirectory: string;
  /** Says what would be done, and does nothing. */
  readonly dryRun?: boolean;
}): Promise<UndoneHost> {
  const file = new StateFile(options.stateDirectory);
  return file.locked(() => {
    const running = file.read().owners.flatMap(({ name, process: identity }) => {
      const lives = options.owners.includes(name) && identity !== undefined && isRunning(identity);
      return lives ? [{ owner: name, pid: identity.pid }] : [];
    });
    const doomed = options.owners.filter((name) => !running.some(({ owner }) => owner === name));
    const log =
      options.dryRun === true ? wouldUndo(file, doomed) : doomed.flatMap((owner) => undoOwner(file, owner));
    return { log, running };
  });
}

/** Under the lock. Answers what was done in words. */
export function undoOwner(file: StateFile, owner: string): readonly string[] {
  const before = file.read();
  const pins = before.owners.find(({ name }) => name === owner)?.pinDirectory;
  const log = pins !== undefined && removePins(pins) ? ['took the tunnel programs off'] : [];
  const { state, undo } = forget(before, owner);
  log.push(...withHost((host) => undo.flatMap((change) => host.revert(change) ?? [])));
  // Written last: a kill before leaves the record, and undoing again does no harm.
  file.write(state);
  return log;
}

function wouldUndo(file: StateFile, owners: readonly string[]): readonly string[] {
  let state = file.read();
  const log: string[] = [];
  for (const owner of owners) {
    const pins = state.owners.find(({ name }) => name === owner)?.pinDirectory;
    if (pins !== undefined && isBpffs(pins)) log.push('took the tunnel programs off');
    const forgotten = forget(state, owner);
    state = forgotten.state;
    log.push(...withHost((host) => forgotten.undo.flatMap((change) => host.wouldRevert(change) ?? [])));
  }
  return log;
}
