import { until as untilTruthy } from '../until.ts';

/** Waits for a condition, named first. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  await untilTruthy(condition, what);
}
