import type { Logger } from 'pino';
import { HeadgateError, catalogue, describeError, type ErrorCode } from '../lib/errors/index.ts';
import type { ListenFailure } from './worker-protocol.ts';

/** The error a worker met when it opened a listener. */
export function listenError({ service, code, message, cure }: ListenFailure): HeadgateError {
  const known = Object.hasOwn(catalogue, code);
  return new HeadgateError(
    known ? (code as ErrorCode) : 'HEADGATE_BALANCER_LISTEN',
    known ? message : `service ${service}: ${message}`,
    cure === '' ? {} : { cure },
  );
}

/** Listeners that cannot be opened; each is logged once, not once per worker and try, and once more when it opens. */
export class ListenFailures {
  readonly #log: Logger;
  #known = new Map<string, string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  get any(): boolean {
    return this.#known.size > 0;
  }

  /** Takes over what is missing now, over all workers. */
  update(failures: readonly ListenFailure[]): void {
    const now = new Map(
      failures.map((failure) => [
        `${failure.service} ${failure.place === 'vip' ? '(at the VIP)' : ''}`.trim(),
        describeError(listenError(failure)),
      ]),
    );
    for (const [service, text] of now) if (this.#known.get(service) !== text) this.#log.error(text);
    for (const service of this.#known.keys()) {
      if (!now.has(service)) this.#log.info({ service }, 'listening after all');
    }
    this.#known = now;
  }
}
