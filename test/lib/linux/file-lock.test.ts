import { statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { linuxAvailable, tryFileLock } from '../../../lib/linux/index.ts';
import { temporaryFolder } from '../../temporary-folder.ts';
import { testUnless } from '../../test-unless.ts';
import { openDescriptors } from '../../descriptors.ts';

const available = linuxAvailable();
const linuxTest = testUnless(available.available ? undefined : available.reason);

linuxTest('a lock is held by one at a time, and leaves no descriptor behind', async (t) => {
  const path = join(await temporaryFolder(t), 'lock');
  const before = openDescriptors();
  const lock = tryFileLock(path);
  t.truthy(lock);
  t.is(statSync(path).mode & 0o777, 0o600);
  t.is(tryFileLock(path), undefined);
  lock?.release();
  lock?.release();
  const next = tryFileLock(path);
  t.truthy(next);
  next?.release();
  t.is(openDescriptors(), before);
});

test('a directory that is missing is told as it is', (t) => {
  if (!available.available) return t.pass();
  t.throws(() => tryFileLock('/nonexistent/headgate/lock'), { code: 'ENOENT' });
});
