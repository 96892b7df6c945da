/**
 * A topology file as a source of topologies: watches it through in-place writes, renames, symlink swaps and
 * disappearances, and tells only what changed the meaning.
 *
 * ```
 *  kernel event ─► quiet for debounceMs ─┐
 *  every pollMs: stat differs ───────────┼─► read twice the same ─► parse ─► hash differs ─► onTopology
 *  reload() (SIGHUP) ────────────────────┘                             └──► invalid ──────► onProblems
 * ```
 */
import { stat } from 'node:fs/promises';
import { HeadgateError } from '../../lib/errors/index.ts';
import { readTopologyText } from '../load.ts';
import { parseTopology } from '../parse.ts';
import { formatProblem, type Problem } from '../problem.ts';
import type { Topology } from '../types.ts';
import { WatchedDirectories } from './directories.ts';
import { linkChain } from './link-chain.ts';

export interface WatchHandlers {
  /** A valid topology whose content hash (or place of the secret) differs from the last one told. */
  onTopology(topology: Topology, warnings: readonly Problem[], text: string, note?: string): void;
  /** The file is invalid or gone; the last good topology stays. Told once per text, and at every reload. */
  onProblems(problems: readonly Problem[]): void;
  /** The file is valid and means what was told last: repaired after problems, or reloaded. */
  onUnchanged?(topology: Topology): void;
  /** The kernel does not report changes (told once): from now on only polling does. */
  onUnwatchable?(error: HeadgateError): void;
  /** The store that the nodes share does not answer (told once), or answers again. */
  onAway?(error: HeadgateError): void;
  onBack?(): void;
}

export interface WatchOptions {
  /** The topology that runs already, loaded from this file; without it the first good one is told. */
  readonly running?: Topology;
  /** Quiet time after a change before the file is read, milliseconds; default 50. */
  readonly debounceMs?: number;
  /** Time between looks at the file's stat, milliseconds; default 2000. */
  readonly pollMs?: number;
}

export interface TopologyWatch {
  /** Reads the file now and tells the result, also problems told before. For SIGHUP. */
  reload(): Promise<void>;
  /** Tells nothing from now on. Idempotent. */
  close(): void;
}

/** A file that keeps changing is read this many quiet times late at most. */
const mostDelays = 20;

/** Watches the topology file at `path`. Never throws; what a handler throws is the caller's. */
export function watchTopology(
  path: string,
  handlers: WatchHandlers,
  options: WatchOptions = {},
): TopologyWatch {
  const watch = new FileWatch(path, handlers, options);
  watch.start();
  return watch;
}

class FileWatch implements TopologyWatch {
  readonly #path: string;
  readonly #handlers: WatchHandlers;
  readonly #debounceMs: number;
  readonly #pollMs: number;
  readonly #directories: WatchedDirectories;
  #running: Topology | undefined;
  /** What the last look found: text or problem, so that the same is not told twice. */
  #seen: string | undefined;
  #hasProblems = false;
  #stat = '';
  #quiet: NodeJS.Timeout | undefined;
  #poll: NodeJS.Timeout | undefined;
  #delays = 0;
  #closed = false;
  #toldUnwatchable = false;
  /** Looks run one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(path: string, handlers: WatchHandlers, options: WatchOptions) {
    this.#path = path;
    this.#handlers = handlers;
    this.#running = options.running;
    this.#debounceMs = options.debounceMs ?? 50;
    this.#pollMs = options.pollMs ?? 2_000;
    this.#directories = new WatchedDirectories(
      () => this.#changed(),
      (error) => this.#unwatchable(error),
    );
  }

  start(): void {
    void this.#inTurn(async () => {
      await this.#arm();
      // What was written between loading and watching.
      this.#changed();
    });
    this.#poll = setInterval(() => void this.#inTurn(() => this.#look('poll')), this.#pollMs);
    this.#poll.unref();
  }

  reload(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#arm();
      await this.#check(true);
    });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#quiet);
    clearInterval(this.#poll);
    this.#directories.close();
  }

  #inTurn(run: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(() => (this.#closed ? undefined : run()));
    // A handler that throws must not end the watching; its error goes to who awaits reload, or is unhandled.
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Waits for quiet; a file that never becomes quiet is read all the same. */
  #changed(): void {
    if (this.#closed) return;
    if (this.#quiet !== undefined && this.#delays >= mostDelays) return;
    this.#delays++;
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => {
      this.#quiet = undefined;
      this.#delays = 0;
      void this.#inTurn(() => this.#look('event'));
    }, this.#debounceMs);
    this.#quiet.unref();
  }

  async #look(cause: 'event' | 'poll'): Promise<void> {
    const stamp = await stampOf(this.#path);
    const moved = await this.#arm();
    if (cause === 'poll' && stamp === this.#stat && !moved) return;
    await this.#check(false);
  }

  /** Watches the directories the path leads through now; they change when links do. */
  async #arm(): Promise<boolean> {
    const plan = await linkChain(this.#path);
    return this.#closed ? false : this.#directories.apply(plan);
  }

  /** Reads until two readings agree, so that nothing half written is taken for whole. */
  async #check(isReload: boolean): Promise<void> {
    let { stamp, found } = await this.#read();
    for (let tries = 0; tries < mostDelays; tries++) {
      const fresh = found.text === undefined || found.text !== this.#seen;
      if (!fresh && !isReload) break;
      await new Promise((done) => setTimeout(done, this.#debounceMs));
      if (this.#closed) return;
      const again = await this.#read();
      const settled = again.stamp === stamp && again.found.text === found.text;
      ({ stamp, found } = again);
      if (settled) break;
    }
    this.#stat = stamp;
    if (!this.#closed) this.#tell(found, isReload);
  }

  async #read() {
    const stamp = await stampOf(this.#path);
    return { stamp, found: await readTopologyText(this.#path) };
  }

  #tell(found: Awaited<ReturnType<typeof readTopologyText>>, isReload: boolean): void {
    const seen = found.text ?? `\0${formatProblem(found.problem)}`;
    if (seen === this.#seen && !isReload) return;
    this.#seen = seen;
    const result =
      found.text === undefined ? { problems: [found.problem] } : parseTopology(found.text, this.#path);
    if (result.topology === undefined) {
      this.#hasProblems = true;
      this.#handlers.onProblems(result.problems);
      return;
    }
    const { topology, warnings } = result;
    const isSame = this.#running !== undefined && sameMeaning(this.#running, topology);
    const wasBad = this.#hasProblems;
    this.#hasProblems = false;
    if (!isSame) {
      this.#running = topology;
      this.#handlers.onTopology(topology, warnings, seen);
    } else if (wasBad || isReload) this.#handlers.onUnchanged?.(this.#running ?? topology);
  }

  #unwatchable(cause: unknown): void {
    if (this.#closed || this.#toldUnwatchable) return;
    this.#toldUnwatchable = true;
    const message = `changes of ${this.#path} are not reported by the kernel`;
    this.#handlers.onUnwatchable?.(new HeadgateError('HEADGATE_TOPOLOGY_UNWATCHABLE', message, { cause }));
  }
}

/** The content hash leaves out where the secret is; a node has to know. */
function sameMeaning(one: Topology, other: Topology): boolean {
  return one.hash === other.hash && JSON.stringify(one.secret) === JSON.stringify(other.secret);
}

/** Tells two states of a file apart, as far as its stat does. */
async function stampOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
  } catch (error) {
    return `none: ${error instanceof Error ? error.message : String(error)}`;
  }
}
