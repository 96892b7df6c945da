import type { ExecutionContext } from 'ava';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory of its own for one test, removed when the test ends. */
export async function temporaryDirectory(t: ExecutionContext): Promise<string> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'headgate-topology-')));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
