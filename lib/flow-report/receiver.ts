import { readFrame } from './codec.ts';
import type { FlowFrame } from './types.ts';

/** What a body came to. */
export type Received =
  | { readonly kind: 'frame'; readonly frame: FlowFrame }
  /** Nothing to do: the rest of what was sent before a subscription that is on its way. */
  | { readonly kind: 'late' }
  /** It is no frame, or one before it is missing: subscribe again. */
  | { readonly kind: 'lost'; readonly why: string };

/** Holds the frames of a subscription to their order; the first frame of another one begins anew. */
export class FlowReceiver {
  #expected = 1;

  take(body: unknown): Received {
    const frame = readFrame(body);
    if (frame === undefined) return this.#lose('a flow report that cannot be read');
    if (frame.sequence === this.#expected || frame.sequence === 1) {
      this.#expected = frame.sequence + 1;
      return { kind: 'frame', frame };
    }
    if (this.#expected === 1) return { kind: 'late' };
    return this.#lose(`flow report ${frame.sequence} where ${this.#expected} was due`);
  }

  #lose(why: string): Received {
    this.#expected = 1;
    return { kind: 'lost', why };
  }
}
