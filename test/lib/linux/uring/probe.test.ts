import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { isHeadgateError } from '../../../../lib/errors/index.ts';
import {
  EBADF,
  EINVAL,
  missingFeatures,
  opcodes,
  prepareReceiveMultishot,
  requireUring,
  uringSupport,
  type UringSupport,
} from '../../../../lib/linux/uring/index.ts';
import { unavailableReason } from '../../../../lib/linux/uring/reasons.ts';
import { makeRing, openKernelObjects, resultOf, uringTest } from './support.ts';

const run = promisify(execFile);

uringTest('the probe finds operations, remembers, and leaves nothing behind', (t) => {
  const before = openKernelObjects();
  const support = uringSupport();
  t.is(uringSupport(), support);
  t.true(support.available && support.features.has('nop') && support.features.has('accept'));
  t.deepEqual(openKernelObjects(), before);
});

uringTest(
  'the kernel tells requests it does not know from those it does, before it looks for their file',
  (t) => {
    // This is what the probe rests on.
    const ring = makeRing(t);
    prepareReceiveMultishot(ring.sqe(0, 0), -1, 0);
    t.is(resultOf(ring), -EBADF);
    const unknownFlag = 1 << 10;
    ring.sqe(0, 0).operation(opcodes.recv, -1, unknownFlag).selectBuffer(0);
    t.is(resultOf(ring), -EINVAL);
  },
);

const little: UringSupport = { available: true, mode: 'plain', features: new Set(['nop', 'accept']) };

test('what is missing is named, with the kernel that has it', (t) => {
  t.deepEqual(missingFeatures(little, ['accept', 'recv', 'bufferRings']), ['recv', 'bufferRings']);
  t.notThrows(() => requireUring(['nop'], little));
  const error = t.throws(() => requireUring(['recv', 'bufferRings'], little));
  t.true(isHeadgateError(error, 'HEADGATE_URING_UNAVAILABLE'));
  t.is(error?.message, 'io_uring lacks recv, bufferRings (Linux 5.19)');
});

test('where io_uring is missing everything is, and the reason is told', (t) => {
  const none: UringSupport = { available: false, reason: 'io_uring is missing here: reason' };
  t.deepEqual(missingFeatures(none, ['nop']), ['nop']);
  const error = t.throws(() => requireUring([], none));
  t.is(error?.message, 'io_uring is missing here: reason');
});

test('reasons are told apart', (t) => {
  t.regex(unavailableReason('EPERM', 2) ?? '', /io_uring_disabled = 2/);
  t.regex(unavailableReason('EPERM', 0) ?? '', /seccomp/);
  t.regex(unavailableReason('EPERM', undefined) ?? '', /seccomp/);
  t.regex(unavailableReason('ENOSYS', undefined) ?? '', /without io_uring/);
  t.regex(unavailableReason('EINVAL', 0) ?? '', /older/);
  t.is(unavailableReason('ENOMEM', 0), undefined);
});

test('every operation has a number of its own', (t) => {
  t.is(new Set(Object.values(opcodes)).size, Object.keys(opcodes).length);
});

for (const [errno, words] of [
  [1, 'seccomp'],
  [38, 'without io_uring'],
] as const) {
  uringTest(`a process whose seccomp filter answers errno ${errno} is told so`, async (t) => {
    const child = fileURLToPath(new URL('forbidden-child.js', import.meta.url));
    const { stdout } = await run(process.execPath, [child, String(errno)]);
    const support = JSON.parse(stdout) as UringSupport;
    t.false(support.available);
    t.true(!support.available && support.reason.includes(words), stdout);
  });
}
