import { statfsSync } from 'node:fs';
import { HeadgateError } from '../../../errors/index.ts';
import { syscallError } from '../../errno.ts';
import { door } from '../sys/door.ts';

/** Where a bpf file system is usually mounted. */
export const BPFFS = '/sys/fs/bpf';

/** BPF_FS_MAGIC, include/uapi/linux/magic.h. */
const BPF_FS_MAGIC = 0xcafe4a11;
const MNT_DETACH = 2;

/** Whether `directory` exists and is on a bpf file system. */
export function isBpffs(directory: string): boolean {
  try {
    return statfsSync(directory).type === BPF_FS_MAGIC;
  } catch {
    // It does not exist or may not be looked at: either way nothing can be pinned there.
    return false;
  }
}

/** Throws HEADGATE_BPF_NO_BPFFS, with the command that mounts it as the cure. */
export function requireBpffs(directory: string): void {
  if (isBpffs(directory)) return;
  throw new HeadgateError('HEADGATE_BPF_NO_BPFFS', `${directory} is not on a bpf file system`, {
    cure: `mount one: mount -t bpf bpf ${directory.startsWith(BPFFS) ? BPFFS : directory}`,
    facts: { directory },
  });
}

/** Mounts a bpf file system on an existing directory. Throws HEADGATE_BPF_PIN. */
export function mountBpffs(directory: string): void {
  if (door().mount('bpf', directory, 'bpf', 0, null) >= 0) return;
  throw new HeadgateError('HEADGATE_BPF_PIN', `mount a bpf file system on ${directory}`, {
    cause: syscallError('mount', door().errno()),
    cure: 'run as root or grant CAP_SYS_ADMIN',
  });
}

/** Takes a bpf file system away, with all its pins. Throws HEADGATE_BPF_PIN. */
export function unmountBpffs(directory: string): void {
  if (door().umount2(directory, MNT_DETACH) >= 0) return;
  throw new HeadgateError('HEADGATE_BPF_PIN', `unmount the bpf file system on ${directory}`, {
    cause: syscallError('umount2', door().errno()),
  });
}
