import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { bpfAvailable, mountBpffs } from '../lib/linux/bpf/index.ts';
import { ownNamespaces } from './lib/linux/bpf/own-namespaces.ts';

/**
 * Mounts a bpf file system in `folder` that all hosts of a lab see, in a mount namespace of this process: it ends with the
 * process, and whatever is pinned in it. Resolves with its path (HEADGATE_BPFFS); undefined where there can be none.
 */
export function mountPins(folder: string): string | undefined {
  if (!bpfAvailable().available || !ownNamespaces().available) return undefined;
  const pins = path.join(folder, 'bpffs');
  mkdirSync(pins);
  mountBpffs(pins);
  return pins;
}
