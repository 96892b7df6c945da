/** Watches a changing set of directories. */
import { statSync, watch, type FSWatcher } from 'node:fs';
import { basename } from 'node:path';
import type { WatchPlan } from './link-chain.ts';

interface Watched {
  readonly watcher: FSWatcher;
  /** Device and inode: a directory that was replaced by another of the same name is another one. */
  readonly identity: string;
  names: ReadonlySet<string>;
}

/** Owns the watchers; closes idempotently. */
export class WatchedDirectories {
  readonly #watched = new Map<string, Watched>();
  readonly #onChange: () => void;
  readonly #onTrouble: (error: unknown) => void;

  /** `onTrouble` hears of every directory the kernel refuses to watch. */
  constructor(onChange: () => void, onTrouble: (error: unknown) => void) {
    this.#onChange = onChange;
    this.#onTrouble = onTrouble;
  }

  /** Watches exactly the directories of `plan` from now on. True when that differs from before. */
  apply(plan: WatchPlan): boolean {
    let differs = false;
    for (const [directory, { watcher, identity }] of this.#watched) {
      if (plan.has(directory) && identityOf(directory) === identity) continue;
      watcher.close();
      this.#watched.delete(directory);
      differs = true;
    }
    for (const [directory, names] of plan) {
      const watched = this.#watched.get(directory);
      if (watched !== undefined) watched.names = names;
      else if (this.#add(directory, names)) differs = true;
    }
    return differs;
  }

  #add(directory: string, names: ReadonlySet<string>): boolean {
    try {
      const identity = identityOf(directory);
      // Not persistent: a watch alone is no reason for a process to live on.
      const watcher = watch(directory, { persistent: false });
      const watched: Watched = { watcher, identity, names };
      this.#watched.set(directory, watched);
      watcher.on('change', (_event, name) => {
        // A directory that is itself removed or moved reports its own name.
        if (name === null || watched.names.has(String(name)) || basename(directory) === String(name))
          this.#onChange();
      });
      watcher.on('error', (error) => {
        if (this.#watched.get(directory) === watched) this.#watched.delete(directory);
        watcher.close();
        this.#onTrouble(error);
      });
      return true;
    } catch (error) {
      this.#onTrouble(error);
      return false;
    }
  }

  close(): void {
    for (const { watcher } of this.#watched.values()) watcher.close();
    this.#watched.clear();
  }
}

function identityOf(directory: string): string {
  const stat = statSync(directory, { throwIfNoEntry: false });
  return stat === undefined ? 'gone' : `${stat.dev}:${stat.ino}`;
}
