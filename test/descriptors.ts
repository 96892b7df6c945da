/** Open descriptors of a process, out of /proc (Linux). */
import { readdirSync, readlinkSync } from 'node:fs';

/** Number of descriptors that `pid` has open; the one that reads /proc itself is not counted. */
export function openDescriptors(pid: number = process.pid): number {
  return targets(pid).length;
}

/** Number of sockets (TCP, UDP, unix, netlink) that `pid` has open. */
export function openSockets(pid: number = process.pid): number {
  return targets(pid).filter((target) => target.startsWith('socket:')).length;
}

function targets(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((fd) => {
    try {
      return [readlinkSync(`${folder}/${fd}`)];
    } catch (error) {
      // Closed since readdir: among others the descriptor with which readdir read the folder.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  });
}
