import { systemClock } from '../../clock/index.ts';
import type { CreateRelay, ListenSpec, Relay, RelayListener, RelayOptions, RelayStats } from '../types.ts';
import { RelayCore } from './core.ts';
import { NodeListener } from './listener.ts';

/** The portable engine: Node's own sockets and event loop. */
export const createNodeRelay: CreateRelay = (options) => new NodeRelay(options);

class NodeRelay implements Relay {
  readonly engine = 'node';
  readonly limit: number;
  readonly #core: RelayCore;
  #closed = false;

  constructor(options: RelayOptions) {
    this.limit = options.limit;
    this.#core = new RelayCore(options, options.clock ?? systemClock);
  }

  async listen(spec: ListenSpec): Promise<RelayListener> {
    const listener = await NodeListener.listen(this.#core, spec);
    if (this.#closed) listener.closeNow();
    return listener;
  }

  stats(): RelayStats {
    return { ...this.#core.stats };
  }

  destinations(): ReadonlyMap<string, number> {
    return new Map([...this.#core.joined].map(([id, connections]) => [id, connections.size]));
  }

  reset(destination: string, most: number): number {
    const doomed = [...(this.#core.joined.get(destination) ?? [])].slice(0, Math.max(0, most));
    for (const connection of doomed) connection.reset();
    return doomed.length;
  }

  onIdle(run: () => void): void {
    this.#core.whenIdle(run);
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const listener of this.#core.listeners) listener.close();
    for (const opening of this.#core.openings) opening.close();
    for (const connections of this.#core.joined.values()) {
      for (const connection of connections) connection.close();
    }
    return Promise.resolve();
  }
}
