import { until as untilTruthy } from '../until.ts';

/** Waits for a condition, named first; one that throws does not hold yet. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 20_000,
): Promise<void> {
  await untilTruthy(condition, { describe: what, timeoutMs });
}
