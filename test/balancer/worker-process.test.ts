import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { linuxAvailable } from '../../lib/linux/index.ts';
import { runProgram } from '../processes.ts';
import { testUnless } from '../test-unless.ts';

const program = fileURLToPath(new URL('./fork-program.js', import.meta.url));
const answer = linuxAvailable();
const linuxTest = testUnless(answer.available ? undefined : answer.reason);

/** What fork-program prints, with 64 descriptors; it ends by itself. */
async function fork(t: ExecutionContext, what: string): Promise<unknown> {
  const limited = ['sh', '-c', 'ulimit -n 64; exec "$0" "$@"'];
  const { stdout, stderr, code, signal } = await runProgram([...limited, process.execPath, program, what]);
  t.deepEqual({ stderr, code, signal }, { stderr: '', code: 0, signal: null });
  return JSON.parse(stdout);
}

linuxTest(
  'a worker for which no descriptor is left is one that could not be started, and nobody is killed for it',
  async (t) => {
    t.like(await fork(t, 'descriptors'), {
      pid: 0,
      why: `it could not be started: spawn ${process.execPath} EMFILE`,
    });
  },
);

linuxTest('a worker whose start the system refuses is one that could not be started', async (t) => {
  t.like(await fork(t, 'inherited'), { pid: 0, why: 'it could not be started: spawn EBADF' });
});
