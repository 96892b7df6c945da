/** Every place in the file system whose change may change what a path leads to. */
import { lstat, readlink } from 'node:fs/promises';
import { dirname, join, parse, resolve, sep } from 'node:path';
import { errnoCode } from '../../lib/errors/index.ts';

/** As many as the kernel follows (MAXSYMLINKS). */
const mostLinks = 40;

/** Directories to watch, each with the names in it that matter. */
export type WatchPlan = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Follows `path` part by part: the directory of every symbolic link on the way counts, and that of the file at the
 * end. So `/etc/hg/topology.yaml -> ..data/topology.yaml`, `..data -> ..2026_01/` (as Kubernetes mounts files) gives
 * `/etc/hg` with both links and `/etc/hg/..2026_01` with the file. What does not exist ends the walk; the nearest directory that
 * does is watched for it. Never throws.
 */
export async function linkChain(path: string): Promise<WatchPlan> {
  const plan = new Map<string, Set<string>>();
  const mark = (directory: string, name: string): void => {
    const names = plan.get(directory);
    if (names === undefined) plan.set(directory, new Set([name]));
    else names.add(name);
  };
  const absolute = resolve(path);
  let here = parse(absolute).root;
  let rest = partsOf(absolute);
  for (let links = 0; rest.length > 0;) {
    const [name = '', ...after] = rest;
    const next = join(here, name);
    const kind = await kindOf(next);
    if (kind.link !== undefined && links++ < mostLinks) {
      mark(here, name);
      const target = resolve(here, kind.link);
      here = parse(target).root;
      rest = [...partsOf(target), ...after];
      continue;
    }
    if (after.length === 0 || kind.missing) {
      mark(here, name);
      break;
    }
    here = next;
    rest = after;
  }
  return plan;
}

function partsOf(path: string): string[] {
  const inside = path === dirname(path) ? '' : path.slice(parse(path).root.length);
  return inside.split(sep).filter((part) => part !== '');
}

async function kindOf(path: string): Promise<{ readonly link?: string; readonly missing: boolean }> {
  try {
    const stat = await lstat(path);
    return stat.isSymbolicLink() ? { link: await readlink(path), missing: false } : { missing: false };
  } catch (error) {
    // Not readable is treated like not there: reading the file itself will say why.
    return { missing: errnoCode(error) !== undefined };
  }
}
