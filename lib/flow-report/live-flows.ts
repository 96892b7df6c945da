import type { FlowSource } from './sender.ts';

/** Told of each flow that became live or ended. */
export type FlowListener = (service: string, key: string, isLive: boolean) => void;

/** The live flows of one process, by service; a client may be there more than once, at several local addresses. */
export class LiveFlows implements FlowSource {
  /** Service → key → how many. Services stay, so that the end of their last flow is listed too. */
  readonly #services = new Map<string, Map<string, number>>();
  readonly #onChange: FlowListener;

  constructor(onChange: FlowListener) {
    this.#onChange = onChange;
  }

  services(): Iterable<string> {
    return this.#services.keys();
  }

  live(service: string): Iterable<string> {
    return this.#services.get(service)?.keys() ?? [];
  }

  opened(service: string, key: string): void {
    let flows = this.#services.get(service);
    if (flows === undefined) this.#services.set(service, (flows = new Map()));
    const count = flows.get(key) ?? 0;
    flows.set(key, count + 1);
    if (count === 0) this.#onChange(service, key, true);
  }

  ended(service: string, key: string): void {
    const flows = this.#services.get(service);
    const count = flows?.get(key);
    if (flows === undefined || count === undefined) return;
    if (count > 1) {
      flows.set(key, count - 1);
      return;
    }
    flows.delete(key);
    this.#onChange(service, key, false);
  }
}
