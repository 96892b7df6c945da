import type { Logger } from 'pino';
import { backoffMs } from '../lib/backoff/index.ts';
import type { Clock, Timer } from '../lib/clock/index.ts';
import { describeError } from '../lib/errors/index.ts';
import type { HostWishes, PreparedHost } from '../lib/host-setup/index.ts';
import type { VipMode } from './vip-needs.ts';

/** A host that is prepared, as far as it matters here. */
type Prepared = Pick<PreparedHost, 'takeLog' | 'update' | 'undo'>;

export type PrepareHost = (wishes: HostWishes) => Promise<Prepared>;

/** When a host that could not be prepared is tried again: the obstacle may pass, or somebody removes it. */
const retry = { firstMs: 2_000, mostMs: 30_000 };

export interface HostPreparationOptions {
  readonly prepare: PrepareHost;
  readonly log: Logger;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** What could not be prepared is ready now. */
  readonly onReady: () => void;
}

interface Wanted {
  readonly vips: ReadonlyMap<string, VipMode>;
  readonly directors: readonly string[];
  readonly isDemanded: boolean;
}

/** Keeps the host prepared for the VIPs of the moment, or says why it cannot, goes on without and tries again. */
export class HostPreparation {
  readonly #options: HostPreparationOptions;
  readonly #log: Logger;
  #host: Prepared | undefined;
  #ready: ReadonlyMap<string, VipMode> = new Map();
  /** What the host was prepared for last; undefined: a change of that has failed. */
  #asked: string | undefined = JSON.stringify([]);
  /** What has failed since it worked last, each told once. */
  readonly #failures = new Set<string>();
  #attempts = 0;
  #retrying: Timer | undefined;
  #work: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: HostPreparationOptions) {
    this.#options = options;
    this.#log = options.log;
  }

  /** How packets for a VIP can arrive; undefined: not at all. */
  ready(vip: string): VipMode | undefined {
    return this.#ready.get(vip);
  }

  /**
   * Resolves when the host is as wanted, or cannot be, which is a warning when it is demanded; then it is tried again, less
   * and less often. Never rejects; one call after the other.
   */
  apply(vips: ReadonlyMap<string, VipMode>, directors: readonly string[], isDemanded = true): Promise<void> {
    return this.#enqueue({ vips, directors, isDemanded });
  }

  /** Undoes what was done. */
  undo(): Promise<void> {
    this.#closed = true;
    this.#retrying?.cancel();
    this.#work = this.#work.then(async () => {
      this.#ready = new Map();
      try {
        await this.#host?.undo();
      } catch (error) {
        this.#log.error(`the host could not be put back as it was: ${describeError(error)}`);
      }
      this.#tell();
    });
    return this.#work;
  }

  #enqueue(wanted: Wanted): Promise<void> {
    this.#work = this.#work.then(() => this.#apply(wanted));
    return this.#work;
  }

  async #apply(wanted: Wanted): Promise<void> {
    const { vips, directors } = wanted;
    const wishes = { vips: [...vips].map(([address, mode]) => ({ address, mode })), directors };
    const asked = JSON.stringify(vips.size === 0 ? [] : wishes);
    if (this.#closed) return;
    this.#retrying?.cancel();
    try {
      // A host that no VIP was ever wanted on is not touched.
      if (asked !== this.#asked) {
        if (this.#host === undefined) this.#host = await this.#options.prepare(wishes);
        else await this.#host.update(wishes);
      }
      this.#ready = vips;
      this.#asked = asked;
      this.#succeeded();
    } catch (error) {
      // What was there before is there still, as far as it is wanted.
      this.#ready = new Map([...this.#ready].filter(([vip]) => vips.has(vip)));
      if (this.#host !== undefined) this.#asked = undefined;
      this.#failed(wanted, describeError(error));
    }
    this.#tell();
  }

  #succeeded(): void {
    const hadFailed = this.#failures.size > 0;
    this.#failures.clear();
    this.#attempts = 0;
    if (!hadFailed || this.#ready.size === 0) return;
    this.#log.info('takes packets for VIPs (dr, tun) after all');
    this.#options.onReady();
  }

  #failed(wanted: Wanted, failure: string): void {
    const line = `takes no packets for VIPs (dr, tun): ${failure}`;
    if (!this.#failures.has(failure)) this.#log[wanted.isDemanded ? 'warn' : 'info'](line);
    // Nor is it told once more what was done and taken back.
    else this.#host?.takeLog();
    this.#failures.add(failure);
    if (this.#closed) return;
    const { clock, random } = this.#options;
    const delayMs = backoffMs(this.#attempts++, retry, random());
    this.#retrying = clock.after(delayMs, () => void this.#enqueue(wanted), true);
  }

  #tell(): void {
    for (const line of this.#host?.takeLog() ?? []) this.#log.info(`host: ${line}`);
  }
}
