import { isHeadgateError } from '../../../errors/index.ts';

/** Whether something works here, and if not, why and what to do (one short line each). */
export type Availability =
  | { readonly available: true }
  | { readonly available: false; readonly reason: string; readonly cure: string };

const YES: Availability = Object.freeze({ available: true });
const answers = new Map<string, Availability>();

/** Answers from memory, or tries once: `attempt` throws a HeadgateError when it does not work. */
export function probeOnce(key: string, attempt: () => void): Availability {
  let answer = answers.get(key);
  if (answer === undefined) {
    answer = probe(attempt);
    answers.set(key, answer);
  }
  return answer;
}

/** Tries, and turns a HeadgateError into the answer no. Other errors are faults and go on. */
export function probe(attempt: () => void): Availability {
  try {
    attempt();
    return YES;
  } catch (error) {
    if (!isHeadgateError(error)) throw error;
    const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
    return Object.freeze({ available: false, reason: `${error.message}${cause}`, cure: error.cure });
  }
}
