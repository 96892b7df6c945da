import { createRequire } from 'node:module';
import type Koffi from 'koffi';

/** dup(2): what a child inherits, in this process. */
export function duplicate(fd: number): number {
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  const copy: unknown = koffi.load(null).func('int dup(int)')(fd);
  if (typeof copy !== 'number' || copy < 0) throw new Error(`dup(${fd}) failed`);
  return copy;
}
