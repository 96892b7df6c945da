import pino from 'pino';

/** Most bytes of log waiting for a reader that is slow; what comes then is dropped and counted. */
const waitingMost = 4 * 1024 * 1024;

/** Where a worker writes its log. */
export interface WorkerLog {
  readonly destination: pino.DestinationStream;
  /** Lines not written, from start. */
  dropped(): number;
  /** Calls `done` when all is written, or nothing can be. */
  flush(done: () => void): void;
}

/**
 * Standard output, written by threads of Node's: neither a reader that stalls nor a slow disk keeps connections waiting. What a
 * full disk does not take is tried again with the next line.
 */
export function openWorkerLog(): WorkerLog {
  const output = pino.destination({ dest: 1, sync: false, maxLength: waitingMost });
  let dropped = 0;
  let isBroken = false;
  output.on('drop', () => void dropped++);
  output.on('error', () => void (isBroken = true));
  output.on('write', () => void (isBroken = false));
  const flushSync = output.flushSync.bind(output);
  // At the exit it would try without end.
  output.flushSync = () => {
    if (!isBroken) flushSync();
  };
  return { destination: output, dropped: () => dropped, flush: (done) => output.flush(() => done()) };
}
