/** Puts an edited file in the place of the old one, whole or not at all. */
import { randomBytes } from 'node:crypto';
import { chmod, open, readFile, readlink, realpath, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { errnoCode, HeadgateError, isHeadgateError } from '../../lib/errors/index.ts';

/** Begins some files of UTF-8 (RFC 3629 section 6); who reads a topology gets its text without. */
const byteOrderMark = '\uFEFF';

/** As many as the kernel follows (MAXSYMLINKS). */
const mostLinks = 40;

/**
 * Replaces a file atomically: a temporary file beside it, fsync, rename. The mode and a byte order mark stay; a symbolic
 * link stays and the file it leads to is replaced. Throws HEADGATE_TOPOLOGY_CHANGED_MEANWHILE when the file no longer reads
 * `before`, HEADGATE_TOPOLOGY_UNWRITABLE when it cannot be written; the old file is then as it was.
 */
export async function replaceFile(path: string, before: string, after: string): Promise<void> {
  let temporary: string | undefined;
  try {
    const real = await realpath(path);
    const { mode, uid, gid } = await stat(real);
    const mark = (await readFile(real, 'utf8')) === byteOrderMark + before ? byteOrderMark : '';
    temporary = join(dirname(real), `.${basename(real)}.${randomBytes(6).toString('hex')}.tmp`);
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(mark + after, 'utf8');
      // Root edits a file of someone else: it stays theirs. Others own what they make.
      if (process.getuid?.() === 0) await handle.chown(uid, gid);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await chmod(temporary, mode & 0o7777);
    if ((await readFile(real, 'utf8')) !== mark + before) {
      throw new HeadgateError('HEADGATE_TOPOLOGY_CHANGED_MEANWHILE', `${path} changed during the edit`);
    }
    await rename(temporary, real);
    temporary = undefined;
    await syncDirectory(dirname(real));
  } catch (error) {
    if (isHeadgateError(error)) throw error;
    throw new HeadgateError('HEADGATE_TOPOLOGY_UNWRITABLE', `cannot replace ${path}`, { cause: error });
  } finally {
    // What went wrong before says more than that it cannot be removed.
    if (temporary !== undefined) await remove(temporary).catch(() => undefined);
  }
}

/**
 * As replaceFile; a file that is not there (`before` undefined) is made, where a symbolic link leads if there is one, and
 * one that reads `after` meanwhile is as good: nodes of one machine may share a file, and all write the same.
 */
export async function writeTopologyFile(
  path: string,
  before: string | undefined,
  after: string,
): Promise<void> {
  if (before === undefined) return writeWhole(await placeOf(path), after, 0o644);
  try {
    await replaceFile(path, before, after);
  } catch (error) {
    if (!isHeadgateError(error, 'HEADGATE_TOPOLOGY_CHANGED_MEANWHILE')) throw error;
    if (![after, byteOrderMark + after].includes(await readFile(path, 'utf8'))) throw error;
  }
}

/** Where symbolic links lead, also when nothing is there. Throws HEADGATE_TOPOLOGY_UNWRITABLE. */
async function placeOf(path: string): Promise<string> {
  let place = path;
  try {
    for (let links = 0; links < mostLinks; links++) {
      const target = await linkAt(place);
      if (target === undefined) return place;
      // Beside the link as it really lies: `..` leads from there.
      place = resolve(await realpath(dirname(place)), target);
    }
    throw new Error(`more than ${mostLinks} symbolic links`);
  } catch (cause) {
    throw new HeadgateError('HEADGATE_TOPOLOGY_UNWRITABLE', `cannot write ${path}`, { cause });
  }
}

/** Undefined when there is no link. */
async function linkAt(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (error) {
    if (['EINVAL', 'ENOENT'].includes(errnoCode(error) ?? '')) return undefined;
    throw error;
  }
}

/** Puts a file there, whole or not at all, with this mode. Throws HEADGATE_TOPOLOGY_UNWRITABLE. */
export async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      await handle.writeFile(text, 'utf8');
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await remove(temporary).catch(() => undefined);
    throw new HeadgateError('HEADGATE_TOPOLOGY_UNWRITABLE', `cannot write ${path}`, { cause: error });
  }
}

/** So that the rename survives a power cut. Some file systems cannot; the file is whole all the same. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EPERM', 'EISDIR', 'EACCES'].includes(errnoCode(error) ?? '')) throw error;
  } finally {
    await handle.close();
  }
}

async function remove(temporary: string): Promise<void> {
  try {
    await unlink(temporary);
  } catch (error) {
    if (errnoCode(error) !== 'ENOENT') throw error;
  }
}
