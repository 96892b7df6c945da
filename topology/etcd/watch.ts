/**
 * Watches a topology in etcd.
 *
 * ```
 *        ┌────────────── an event; the watch ended, or began too early (compaction); every checkMs; SIGHUP
 *        ▼
 *  read both keys, at one revision, from any endpoint ──► differs ──► parse ──► onTopology / onProblems
 *        │      └─ no endpoint: onAway once, again after a pause
 *        ▼
 *  watch from the next revision on, at the endpoint that answered
 * ```
 *
 * The event only says that there is something to read; so nothing depends on its form, and what was missed is found.
 */
import { backoffMs } from '../../lib/backoff/index.ts';
import { describeError, HeadgateError } from '../../lib/errors/index.ts';
import type { EtcdStream } from '../../lib/etcd/index.ts';
import type { ReadResult } from '../load.ts';
import { parseTopology } from '../parse.ts';
import type { Topology } from '../types.ts';
import type { TopologyWatch, WatchHandlers } from '../watch/index.ts';
import type { EtcdStore, SharedReading } from './store.ts';

/** The watch could hang on a member that was cut off: then this look finds another endpoint. */
const checkMs = 5_000;
const retry = { firstMs: 200, mostMs: 5_000 };

export class EtcdWatch implements TopologyWatch {
  readonly #store: EtcdStore;
  readonly #handlers: WatchHandlers;
  readonly #checkMs: number;
  #running: Topology | undefined;
  #seen = '';
  #hasProblems = false;
  #isAway = false;
  #failures = 0;
  #stream: EtcdStream | undefined;
  /** What the stream was opened with. */
  #streamAt: { readonly endpoint: object; readonly revision: bigint } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isWaiting = false;
  #turn: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(
    store: EtcdStore,
    handlers: WatchHandlers,
    running: Topology | undefined,
    checkEveryMs = checkMs,
  ) {
    this.#store = store;
    this.#handlers = handlers;
    this.#running = running;
    this.#checkMs = checkEveryMs;
    this.#soon();
  }

  async reload(): Promise<void> {
    await this.#inTurn(true);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#stream?.close();
    this.#stream = undefined;
  }

  /** One look more, however many ask for it before it begins. */
  #soon(): void {
    if (this.#isWaiting || this.#closed) return;
    this.#isWaiting = true;
    void this.#inTurn(false);
  }

  #after(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#soon(), delayMs);
    this.#timer.unref();
  }

  #inTurn(isReload: boolean): Promise<void> {
    const turn = this.#turn.then(async () => {
      this.#isWaiting = false;
      if (!this.#closed) await this.#look(isReload);
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #look(isReload: boolean): Promise<void> {
    let reading: SharedReading;
    try {
      reading = await this.#store.load();
    } catch (error) {
      if (!this.#closed) this.#away(error);
      return;
    }
    if (this.#closed) return;
    if (this.#isAway) {
      this.#isAway = false;
      this.#handlers.onBack?.();
    }
    this.#tell(reading, isReload);
    this.#follow(reading);
    this.#after(this.#failures === 0 ? this.#checkMs : this.#pauseMs());
  }

  #away(error: unknown): void {
    this.#drop();
    this.#failures++;
    if (!this.#isAway && error instanceof HeadgateError) this.#handlers.onAway?.(error);
    this.#isAway = true;
    this.#after(this.#pauseMs());
  }

  #pauseMs(): number {
    return backoffMs(this.#failures - 1, retry, Math.random());
  }

  #drop(): void {
    this.#stream?.close();
    this.#stream = undefined;
  }

  #follow({ revision }: SharedReading): void {
    const { endpoint } = this.#store;
    const isFine =
      this.#stream !== undefined &&
      this.#streamAt?.endpoint === endpoint &&
      revision >= this.#streamAt.revision;
    if (isFine) {
      this.#failures = 0;
      return;
    }
    // Another endpoint answers now, or the store was put back to an older state and counts on from there.
    this.#drop();
    this.#streamAt = { endpoint, revision };
    const stream: EtcdStream = this.#store.watch(revision + 1n, {
      onCreated: () => (this.#failures = 0),
      onEvents: () => this.#soon(),
      onCompacted: () => this.#ended(stream),
      onEnd: () => this.#ended(stream),
    });
    this.#stream = stream;
  }

  #ended(stream: EtcdStream): void {
    if (this.#closed || this.#stream !== stream) return;
    this.#stream = undefined;
    // At once the first time: most often a member was restarted, and another one is there.
    if (this.#failures++ === 0) this.#soon();
    else this.#after(this.#pauseMs());
  }

  #tell(reading: SharedReading, isReload: boolean): void {
    const seen = `${reading.note ?? ''}\0${reading.text ?? ''}`;
    if (seen === this.#seen && !isReload) return;
    this.#seen = seen;
    const found = foundIn(reading, this.#store.name);
    const result =
      found.text === undefined ? { problems: [found.problem] } : parseTopology(found.text, this.#store.name);
    if (result.topology === undefined || found.text === undefined) {
      this.#hasProblems = true;
      this.#handlers.onProblems(result.topology === undefined ? result.problems : []);
      return;
    }
    const { topology, warnings } = result;
    const isSame = this.#running !== undefined && sameMeaning(this.#running, topology);
    const wasBad = this.#hasProblems;
    this.#hasProblems = false;
    this.#running = topology;
    if (!isSame || found.note !== undefined)
      this.#handlers.onTopology(topology, warnings, found.text, found.note);
    else if (wasBad || isReload) this.#handlers.onUnchanged?.(topology);
  }
}

function sameMeaning(one: Topology, other: Topology): boolean {
  return one.hash === other.hash && JSON.stringify(one.secret) === JSON.stringify(other.secret);
}

/** A reading as any source tells it. */
export function foundIn({ text, note }: SharedReading, name: string): ReadResult {
  if (text !== undefined) return { text, ...(note !== undefined && { note }) };
  return awayAs(new HeadgateError('HEADGATE_ETCD_NO_KEY', 'there is no topology'), name);
}

/** An error of the store as the problem of a topology that cannot be read. */
export function awayAs(error: HeadgateError, name: string): ReadResult {
  return {
    problem: { code: error.code, file: name, line: 1, column: 1, path: '', message: describeError(error) },
  };
}
