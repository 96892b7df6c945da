/** Bounds how fast one address may ask a node for things that cost more than a heartbeat. */
import type { Clock } from '../lib/clock/index.ts';
import type { ControlServer, RequestHandler } from '../lib/control/index.ts';
import { HeadgateError } from '../lib/errors/index.ts';

/** Requests per second and address in the long run: many times what `status --watch` and a roll-out need. */
const perSecond = 50;
/** Requests at once after a rest: a roll-out and several people who look. */
const burst = 200;
/** Addresses told apart; beyond, the one that asked longest ago is forgotten. */
const mostAddresses = 1_024;

interface Allowance {
  readonly credit: number;
  readonly atMs: number;
}

/** One allowance per remote address. */
export class AdminLimit {
  readonly #clock: Clock;
  readonly #allowances = new Map<string, Allowance>();
  #refused = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Requests refused since the start. Not expected. */
  get refused(): number {
    return this.#refused;
  }

  /** Throws HEADGATE_NODE_ASKED_TOO_OFTEN when the address has used up its allowance. */
  admit(remote: string): void {
    const nowMs = this.#clock.now();
    const known = this.#allowances.get(remote);
    const credit =
      known === undefined
        ? burst
        : Math.min(burst, known.credit + ((nowMs - known.atMs) * perSecond) / 1_000);
    // Set anew, so that the order is that of the last request.
    this.#allowances.delete(remote);
    this.#allowances.set(remote, { credit: Math.max(0, credit - 1), atMs: nowMs });
    if (this.#allowances.size > mostAddresses) this.#allowances.delete(this.#allowances.keys().next().value!);
    if (credit >= 1) return;
    this.#refused += 1;
    throw new HeadgateError(
      'HEADGATE_NODE_ASKED_TOO_OFTEN',
      `${remote} asked more than ${burst} times at once and ${perSecond} times per second`,
    );
  }
}

/** The server, with requests of `methods` from other machines bounded. The unix socket is for its own user, who may ask. */
export function limitAdmin(
  server: ControlServer,
  methods: ReadonlySet<string>,
  limit: AdminLimit,
): ControlServer {
  return {
    handle(method, handler) {
      const bounded: RequestHandler = (body, peer) => {
        if (!peer.local) limit.admit(peer.remote);
        return handler(body, peer);
      };
      server.handle(method, methods.has(method) ? bounded : handler);
    },
    listen: (endpoint) => server.listen(endpoint),
    listenLocal: (path) => server.listenLocal(path),
    stats: () => server.stats(),
    close: () => server.close(),
  };
}
