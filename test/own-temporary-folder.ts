/** A temporary folder of this whole process: everything made in it goes when the process ends, also by Ctrl-C. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onExit } from './process-groups.ts';

/** Makes it, and makes it the TMPDIR of this process and its children; `before` runs at the end, before it is removed. */
export function ownTemporaryFolder(
  prefix: string,
  before: (folder: string) => void = () => undefined,
): string {
  const folder = mkdtempSync(path.join(tmpdir(), prefix));
  process.env['TMPDIR'] = folder;
  onExit(() => {
    before(folder);
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}
