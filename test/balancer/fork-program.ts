/**
 * Forks a worker while there is no descriptor left (argument `descriptors`), or with an inherited one that does not exist
 * (`inherited`), and prints its pid and why it ended as JSON.
 */
import { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { forkWorker } from '../../balancer/worker-process.ts';
import { errnoCode } from '../../lib/errors/index.ts';

// What it would signal is nobody's or another's.
ChildProcess.prototype.kill = (): never => {
  throw new Error('there is nothing to kill');
};

const [what] = process.argv.slice(2);
const taken: number[] = [];

/** Takes all there are; node's standard output is open before. */
function takeDescriptors(): void {
  void process.stdout;
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch (error) {
    if (errnoCode(error) !== 'EMFILE') throw error;
  }
}

if (what === 'descriptors') takeDescriptors();
const worker = forkWorker(() => {}, undefined, what === 'inherited' ? [999] : []);
worker.send({ kind: 'ping', beat: 1 });
worker.dismiss();
worker.kill();
worker.onExit((why) => {
  for (const descriptor of taken) closeSync(descriptor);
  process.stdout.write(`${JSON.stringify({ pid: worker.pid, why })}\n`);
});
