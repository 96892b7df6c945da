import { inspect } from 'node:util';

export interface UntilOptions {
  /** What is awaited, as the end of "waited for …": `b1 to be UP`. */
  readonly describe: string;
  /** Generous by default: it is only used up when the test fails. */
  readonly timeoutMs?: number;
  readonly everyMs?: number;
  /** Says why waiting on is pointless, such as the end of the program that should answer; then it rejects at once. */
  readonly hopeless?: () => string | undefined;
}

/**
 * Asks `condition` until it answers something truthy, and resolves with that. `awaited` is what is awaited, alone or
 * with more options. A condition that throws counts as
 * not yet. Rejects at the deadline; the error tells what was awaited and the last answer or error.
 */
export async function until<Answer>(
  condition: () => Answer | Promise<Answer>,
  awaited: UntilOptions | string,
): Promise<Truthy<Answer>> {
  const options = typeof awaited === 'string' ? { describe: awaited } : awaited;
  const { describe, timeoutMs = 20_000, everyMs = 10, hopeless } = options as UntilOptions;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let last: string;
    let cause: unknown;
    try {
      const answer = await condition();
      if (answer) return answer as Truthy<Answer>;
      last = `last answer: ${inspect(answer, { breakLength: Infinity })}`;
    } catch (error) {
      cause = error;
      last = `last error: ${error instanceof Error ? error.message : inspect(error)}`;
    }
    const why = hopeless?.();
    if (why !== undefined) throw new Error(`waited for ${describe}: ${why}; ${last}`, { cause });
    if (performance.now() >= deadline) {
      throw new Error(`waited ${timeoutMs} ms for ${describe}; ${last}`, { cause });
    }
    await new Promise((resolve) => void setTimeout(resolve, everyMs));
  }
}

type Truthy<Value> = Exclude<Value, false | null | undefined | 0 | 0n | ''>;
