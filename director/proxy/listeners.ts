import { sameEndpoint, type Endpoint } from '../../lib/address/index.ts';
import type { Relay, RelayListener } from '../../lib/relay/index.ts';
import { planListeners, type ListenerState } from './listener-plan.ts';
import { listenSpec } from './relay-settings.ts';

interface OpenListener {
  state: ListenerState;
  readonly listener: RelayListener;
}

/** The listeners of a proxy plane, one per service; makes them what they should be. */
export class Listeners {
  readonly #relay: Relay;
  readonly #open = new Map<string, OpenListener>();

  constructor(relay: Relay) {
    this.#relay = relay;
  }

  /** Applies the difference. Returns why services could not be opened; those keep listening where they did, if possible. */
  async apply(wanted: readonly ListenerState[]): Promise<readonly unknown[]> {
    const plan = planListeners(
      [...this.#open.values()].map(({ state }) => state),
      wanted,
    );
    const failures: unknown[] = [];
    const before = new Map(this.#open);
    for (const name of plan.close) await this.#close(name);
    for (const state of plan.open) {
      const old = this.#open.get(state.name);
      try {
        await this.#listen(state);
        await old?.listener.close();
      } catch (error) {
        failures.push(error);
        const closed = before.get(state.name);
        if (closed !== undefined && !this.#open.has(state.name)) await this.#reopen(closed.state, failures);
      }
    }
    for (const state of plan.update) this.#update(state);
    return failures;
  }

  /** Whether a service listens at an endpoint. */
  isAt(listen: Endpoint): boolean {
    return [...this.#open.values()].some(({ state }) => sameEndpoint(state.listen, listen));
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((name) => this.#close(name)));
  }

  async #listen(state: ListenerState): Promise<void> {
    this.#open.set(state.name, { state, listener: await this.#relay.listen(listenSpec(state)) });
  }

  /** The old place of a service whose new one could not be opened, unless another service took it. */
  async #reopen(state: ListenerState, failures: unknown[]): Promise<void> {
    try {
      await this.#listen(state);
    } catch (error) {
      failures.push(error);
    }
  }

  #update(state: ListenerState): void {
    const open = this.#open.get(state.name);
    if (open === undefined) return;
    open.listener.update(listenSpec(state));
    open.state = state;
  }

  async #close(name: string): Promise<void> {
    const open = this.#open.get(name);
    this.#open.delete(name);
    await open?.listener.close();
  }
}
