import type { Logger } from 'pino';
import { describeError } from '../lib/errors/index.ts';
import type { HostWishes, PreparedHost } from '../lib/host-setup/index.ts';
import type { VipMode } from './vip-needs.ts';

/** A host that is prepared, as far as it matters here. */
type Prepared = Pick<PreparedHost, 'takeLog' | 'update' | 'undo'>;

export type PrepareHost = (wishes: HostWishes) => Promise<Prepared>;

/** Keeps the host prepared for the VIPs of the moment, or says why it cannot and goes on without. */
export class HostPreparation {
  readonly #prepare: PrepareHost;
  readonly #log: Logger;
  #host: Prepared | undefined;
  #ready: ReadonlyMap<string, VipMode> = new Map();
  #asked = JSON.stringify([]);
  #lastFailure = '';
  #work: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(prepare: PrepareHost, log: Logger) {
    this.#prepare = prepare;
    this.#log = log;
  }

  /** How packets for a VIP can arrive; undefined: not at all. */
  ready(vip: string): VipMode | undefined {
    return this.#ready.get(vip);
  }

  /**
   * Resolves when the host is as wanted, or cannot be, which is a warning when it is demanded. Never rejects; one call
   * after the other.
   */
  apply(vips: ReadonlyMap<string, VipMode>, directors: readonly string[], isDemanded = true): Promise<void> {
    this.#work = this.#work.then(() => this.#apply(vips, directors, isDemanded));
    return this.#work;
  }

  /** Undoes what was done. */
  undo(): Promise<void> {
    this.#closed = true;
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

  async #apply(
    vips: ReadonlyMap<string, VipMode>,
    directors: readonly string[],
    isDemanded: boolean,
  ): Promise<void> {
    const wishes = { vips: [...vips].map(([address, mode]) => ({ address, mode })), directors };
    const asked = JSON.stringify(vips.size === 0 ? [] : wishes);
    // A host that no VIP was ever wanted on is not touched.
    if (this.#closed || asked === this.#asked) return;
    try {
      if (this.#host === undefined) this.#host = await this.#prepare(wishes);
      else await this.#host.update(wishes);
      this.#ready = vips;
      this.#asked = asked;
      this.#lastFailure = '';
    } catch (error) {
      // What was there before is there still, as far as it is wanted.
      this.#ready = new Map([...this.#ready].filter(([vip]) => vips.has(vip)));
      const failure = describeError(error);
      const line = `takes no packets for VIPs (dr, tun): ${failure}`;
      if (failure !== this.#lastFailure) this.#log[isDemanded ? 'warn' : 'info'](line);
      this.#lastFailure = failure;
    }
    this.#tell();
  }

  #tell(): void {
    for (const line of this.#host?.takeLog() ?? []) this.#log.info(`host: ${line}`);
  }
}
