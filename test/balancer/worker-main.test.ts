import { fork } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { linuxAvailable } from '../../lib/linux/index.ts';
import type { ToWorker, WorkerStart } from '../../balancer/worker-protocol.ts';
import { fullPipe } from '../full-pipe.ts';
import { testUnless } from '../test-unless.ts';

const program = fileURLToPath(new URL('../../balancer/worker-main.js', import.meta.url));
const answer = linuxAvailable();
const start: WorkerStart = {
  limit: 100,
  engine: 'node',
  engineReason: 'engine node: asked for',
  engineIsWish: false,
  reusePort: false,
  place: 0,
  table: undefined,
  // No such descriptors: the worker has something to say at once.
  steered: { descriptors: [901, 902], places: 1 },
  log: { level: 'info', bindings: {} },
};

testUnless(answer.available ? undefined : answer.reason)(
  'a worker ends when its supervisor is gone, also when nobody reads its log',
  async (t) => {
    const { writer: output } = await fullPipe(t);
    const child = fork(program, [], { stdio: ['ignore', output, 'inherit', 'ipc'], execArgv: [] });
    t.teardown(() => void child.kill('SIGKILL'));
    const tell = (message: ToWorker): boolean => child.send(message);
    tell({ kind: 'start', start });
    tell({ kind: 'ping', beat: 1 });
    await once(child, 'message');
    child.disconnect();
    await once(child, 'exit');
    t.pass();
  },
);

testUnless(answer.available ? undefined : answer.reason)(
  'a worker whose log is on a full disk works, and ends when its supervisor is gone',
  async (t) => {
    const child = fork(program, [], {
      stdio: ['ignore', openSync('/dev/full', 'w'), 'inherit', 'ipc'],
      execArgv: [],
    });
    t.teardown(() => void child.kill('SIGKILL'));
    const tell = (message: ToWorker): boolean => child.send(message);
    tell({ kind: 'start', start });
    for (let beat = 1; beat <= 3; beat++) {
      tell({ kind: 'ping', beat });
      const [answered] = (await once(child, 'message')) as [unknown];
      t.deepEqual(answered, { kind: 'pong', beat });
    }
    child.disconnect();
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    t.deepEqual({ code, signal }, { code: 0, signal: null });
  },
);
