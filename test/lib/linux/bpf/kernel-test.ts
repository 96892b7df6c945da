import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { bpfAvailable, type Availability } from '../../../../lib/linux/bpf/index.ts';

/** eBPF descriptors and mappings that this process holds. */
export function heldObjects(): readonly string[] {
  const descriptors = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return /^anon_inode:\[?bpf/.test(target) ? [target] : [];
    } catch {
      // The descriptor that listed the directory is closed by now.
      return [];
    }
  });
  const mappings = readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.includes('bpf-map'));
  return [...descriptors, ...mappings].toSorted();
}

/**
 * A test that needs the kernel: skipped, with the reason in its title, where a probe says no; fails when it
 * leaves eBPF descriptors or mappings behind. Serial, so that nobody else's are counted.
 */
export function kernelTest(
  title: string,
  run: (t: ExecutionContext) => void | Promise<void>,
  needs: readonly (() => Availability)[] = [],
): void {
  const missing = [bpfAvailable, ...needs].map((need) => need()).find((answer) => !answer.available);
  if (missing?.available === false) {
    test.skip(`${title} (${missing.reason})`, run);
    return;
  }
  test.serial(title, async (t) => {
    const before = heldObjects();
    await run(t);
    t.deepEqual(heldObjects(), before, 'eBPF objects were left open');
  });
}
