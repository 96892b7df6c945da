import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Koffi from 'koffi';
import type { Availability } from '../../../../lib/linux/bpf/index.ts';

/** include/uapi/linux/sched.h, mount.h */
const CLONE_NEWNS = 0x0002_0000;
const CLONE_NEWNET = 0x4000_0000;
const MS_REC_PRIVATE = 0x4000 | 0x4_0000;

let answer: Availability | undefined;

/**
 * Moves this process into a network and a mount namespace of its own, which end with it: whatever it makes
 * there cannot be left behind. Only the main thread moves (and the processes it starts), so only synchronous
 * file calls see the mounts.
 */
export function ownNamespaces(): Availability {
  answer ??= enter();
  return answer;
}

function enter(): Availability {
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  const library = koffi.load(null);
  const unshare = library.func('int unshare(int)');
  const mount = library.func('int mount(const char *, const char *, const char *, unsigned long, void *)');
  const no = (what: string): Availability => ({
    available: false,
    reason: `${what}: errno ${koffi.errno()}`,
    cure: 'run as root',
  });
  if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0) return no('unshare');
  if (mount('none', '/', null, MS_REC_PRIVATE, null) < 0) return no('make the mounts private');
  try {
    execFileSync('ip', ['-V']);
  } catch {
    return { available: false, reason: 'the command ip is missing', cure: 'install iproute2' };
  }
  return { available: true };
}

/** Runs ip(8) in the own namespace. */
export function ip(command: string): void {
  execFileSync('ip', command.split(' '));
}

export function ifindexOf(name: string): number {
  return Number(
    readFileSync(`/proc/self/net/dev_mcast`, 'utf8')
      .split('\n')
      .find((line) => line.includes(` ${name} `))
      ?.trim()
      .split(/\s+/)[0],
  );
}

/** A temporary directory below which to mount things. */
export function temporaryDirectory(): string {
  const directory = join(mkdtempSync(join(tmpdir(), 'hg-bpf-')), 'fs');
  mkdirSync(directory);
  return directory;
}
