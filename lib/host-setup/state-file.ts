/** Where the state is kept: one file per network namespace in a directory of ours, under a lock while it is changed. */
import { mkdirSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoCode, HeadgateError } from '../errors/index.ts';
import { tryFileLock, type FileLock } from '../linux/index.ts';
import { emptyState, type HostState, type ProcessIdentity } from './state.ts';
import { parseState } from './state-schema.ts';

/** How long somebody else may hold the lock: it is held for a few system calls. */
const lockTries = 500;
const lockEveryMs = 10;

export class StateFile {
  readonly path: string;
  readonly #boot: string;

  /** Throws what /proc throws where there is none. */
  constructor(directory: string) {
    // net:[4026531840]; containers and namespaces that share a directory do not share interfaces.
    const [namespace = '0'] = /\d+/.exec(readlinkSync('/proc/self/ns/net')) ?? [];
    this.path = join(directory, `host-setup-${namespace}.json`);
    this.#boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  }

  /** What is known; nothing after a boot. Throws HEADGATE_HOST_STATE when the file cannot be understood. */
  read(): HostState {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      if (errnoCode(error) === 'ENOENT') return emptyState(this.#boot);
      throw new HeadgateError('HEADGATE_HOST_STATE', `read ${this.path}`, { cause: error });
    }
    const state = parseState(text);
    if (state === undefined)
      throw new HeadgateError('HEADGATE_HOST_STATE', `${this.path} is not a record of this version`);
    return state.boot === this.#boot ? state : emptyState(this.#boot);
  }

  /** Puts it there whole, mode 0600; removes the file when there is nothing to remember. Throws HEADGATE_HOST_STATE. */
  write(state: HostState): void {
    const next = `${this.path}.next`;
    try {
      if (state.claims.length === 0 && state.owners.length === 0) {
        rmSync(this.path, { force: true });
        return;
      }
      writeFileSync(next, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 });
      renameSync(next, this.path);
    } catch (error) {
      throw new HeadgateError('HEADGATE_HOST_STATE', `write ${this.path}`, { cause: error });
    }
  }

  /** Runs `act`, which is synchronous, while nobody else changes the host. Throws HEADGATE_HOST_BUSY. */
  async locked<Result>(act: () => Result): Promise<Result> {
    for (let tries = 0; tries < lockTries; tries++) {
      const lock = this.#tryLock();
      if (lock === undefined) {
        await sleep(lockEveryMs);
        continue;
      }
      try {
        return act();
      } finally {
        lock.release();
      }
    }
    throw new HeadgateError('HEADGATE_HOST_BUSY', `${this.path}.lock is held by another process`);
  }

  #tryLock(): FileLock | undefined {
    try {
      mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
      return tryFileLock(`${this.path}.lock`);
    } catch (error) {
      throw new HeadgateError('HEADGATE_HOST_STATE', `lock ${this.path}.lock`, { cause: error });
    }
  }
}

/** This process. */
export function ownProcess(): ProcessIdentity {
  return { pid: process.pid, started: startOf(process.pid) ?? '' };
}

export function isRunning({ pid, started }: ProcessIdentity): boolean {
  return startOf(pid) === started;
}

/** Field 22 of /proc/PID/stat; the second one may hold anything, in parentheses. Undefined when there is no such process. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
