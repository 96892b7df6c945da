import { formatEndpoint, sameEndpoint, type Endpoint } from '../lib/address/index.ts';
import type { Clock, Timer } from '../lib/clock/index.ts';
import { tryControlPort, type ControlServer } from '../lib/control/index.ts';
import { HeadgateError, isHeadgateError } from '../lib/errors/index.ts';
import type { Topology } from '../topology/index.ts';
import { controlEndpoints, type NodeAddress } from './control-endpoints.ts';
import { newPlaces } from './new-endpoints.ts';

/** How often a control port that could not be listened at is tried again, milliseconds. */
const retryMs = 1_000;

/** A change of the endpoint that has not come about yet. */
interface Move {
  readonly endpoint: Endpoint;
  readonly moved: (failure: unknown) => void;
}

/**
 * Where a node's control channel listens: at its endpoint of now and at those before, which stay open until the process
 * ends, as peers with an older topology still use them.
 */
export class ControlPorts {
  readonly #server: Pick<ControlServer, 'listen'>;
  readonly #clock: Clock;
  readonly #open: Endpoint[] = [];
  #move: Move | undefined;
  #retry: Timer | undefined;

  constructor(server: Pick<ControlServer, 'listen'>, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
  }

  /** Listens unless it does already. Rejects with HEADGATE_CONTROL_PORT_TAKEN, _ADDRESS, _LISTEN. */
  async listen(endpoint: Endpoint): Promise<void> {
    if (this.#has(endpoint)) return;
    await this.#server.listen(endpoint);
    this.#open.push(endpoint);
  }

  /**
   * Listens at another endpoint; `moved` runs when it does. Rejects as listen() when it cannot now, and then tries again
   * each second until it can, or until the next move or stay(); `moved` is then told why it could not at first.
   */
  async move(endpoint: Endpoint, moved: (failure: unknown) => void): Promise<void> {
    this.stay();
    const move = { endpoint, moved };
    this.#move = move;
    try {
      await this.#attempt(move, undefined);
    } catch (failure) {
      this.#tryAgain(move, failure);
      throw failure;
    }
  }

  /** Gives up a move that has not come about. Idempotent. */
  stay(): void {
    this.#move = undefined;
    this.#retry?.cancel();
  }

  /** Whether listen() could, as far as that can be told; rejects as it would. Nothing stays open. */
  async check(running: Topology, endpoint: Endpoint): Promise<void> {
    if (this.#has(endpoint)) return;
    try {
      for (const place of newPlaces(running, [{ endpoint }])) await tryControlPort(place.endpoint);
    } catch (error) {
      const holder = controlEndpoints(running).find(({ control }) => sameEndpoint(control, endpoint));
      if (holder === undefined || !isHeadgateError(error, 'HEADGATE_CONTROL_PORT_TAKEN')) throw error;
      throw keptBy(holder);
    }
  }

  async #attempt(move: Move, failure: unknown): Promise<void> {
    await this.listen(move.endpoint);
    // Another move, or none, may have been wanted meanwhile.
    if (this.#move !== move) return;
    this.#move = undefined;
    move.moved(failure);
  }

  #tryAgain(move: Move, failure: unknown): void {
    if (this.#move !== move) return;
    const again = (): void => void this.#attempt(move, failure).catch(() => this.#tryAgain(move, failure));
    this.#retry = this.#clock.after(retryMs, again, true);
  }

  #has(endpoint: Endpoint): boolean {
    return this.#open.some((other) => sameEndpoint(other, endpoint));
  }
}

function keptBy({ node, control }: NodeAddress): HeadgateError {
  return new HeadgateError(
    'HEADGATE_CONTROL_PORT_TAKEN',
    `control port ${formatEndpoint(control)} is that of ${node}, which keeps it until its process ends`,
    { cure: `give this node a control port that no node has, or stop ${node} first`, facts: { node } },
  );
}
