const deadlineMs = 10_000;
const pollMs = 3;

/** Waits until `condition` holds; rejects with `what` when it does not in ten seconds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
