import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { linuxAvailable } from '../../lib/linux/index.ts';
import type { ToWorker, WorkerStart } from '../../balancer/worker-protocol.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { testUnless } from '../test-unless.ts';

const program = fileURLToPath(new URL('../../balancer/worker-main.js', import.meta.url));
const answer = linuxAvailable();
const start: WorkerStart = {
  limit: 100,
  engine: 'node',
  engineIsWish: false,
  reusePort: false,
  place: 0,
  table: undefined,
  // No such descriptors: the worker has something to say at once.
  steered: { descriptors: [901, 902], places: 1 },
  log: { level: 'info', bindings: {} },
};

/** A pipe that is full: what writes to it waits until somebody reads. */
async function fullPipe(t: ExecutionContext): Promise<number> {
  const name = path.join(await temporaryFolder(t), 'pipe');
  t.is(spawnSync('mkfifo', [name]).status, 0);
  const reader = openSync(name, constants.O_RDWR | constants.O_NONBLOCK);
  t.teardown(() => closeSync(reader));
  const chunk = Buffer.alloc(4_096);
  t.throws(() => {
    for (;;) writeSync(reader, chunk);
  });
  const writer = openSync(name, 'w');
  t.teardown(() => closeSync(writer));
  return writer;
}

testUnless(answer.available ? undefined : answer.reason)(
  'a worker ends when its supervisor is gone, also when nobody reads its log',
  async (t) => {
    const output = await fullPipe(t);
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
