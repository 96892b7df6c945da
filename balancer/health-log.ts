import type { Logger } from 'pino';
import type { TargetHealth } from '../lib/heartbeat/index.ts';

/** Logs each change of a chat server's state once. */
export class HealthLog {
  readonly #log: Logger;
  #known = new Map<string, string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  update(healths: readonly TargetHealth[]): void {
    const now = new Map(healths.map((health) => [health.id, health.dead ? 'dead' : health.state]));
    for (const { id, lastFailure } of healths) {
      const state = now.get(id)!;
      if ((this.#known.get(id) ?? 'unknown') === state) continue;
      if (state === 'up') this.#log.info({ server: id }, 'chat server is up');
      else this.#log.warn({ server: id, why: lastFailure }, `chat server is ${state}`);
    }
    this.#known = now;
  }
}
