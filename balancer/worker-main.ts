/** The program of a worker process; forked by the supervisor, and gone with it. */
import pino from 'pino';
import { systemClock } from '../lib/clock/index.ts';
import { endAfter, linuxAvailable, signalOnParentDeath } from '../lib/linux/index.ts';
import { createRelayFor, createWithFallback } from '../lib/relay/index.ts';
import { SharedMemory } from '../lib/shared-memory/index.ts';
import { describeError } from '../lib/errors/index.ts';
import { PickTable } from './pick-table.ts';
import { SteeredWorker } from './steering/index.ts';
import type { FromWorker, ToWorker, WorkerStart } from './worker-protocol.ts';
import { openWorkerLog } from './worker-log.ts';
import { Worker } from './worker.ts';

/** How long the clients of a worker that must go are given to be told. */
const farewellMs = 1_000;
/** And after which the kernel ends it, whatever it still waits for. */
const endSeconds = 4;

const output = openWorkerLog();

let worker: Worker | undefined;

function send(message: FromWorker, sent?: () => void): void {
  // When the channel is gone the supervisor is too, and `disconnect` ends this process.
  process.send?.(message, undefined, {}, () => sent?.());
}

function openTable({ fd, workers }: NonNullable<WorkerStart['table']>): PickTable {
  return new PickTable(SharedMemory.open(fd, PickTable.bytes(workers)).buffer, workers);
}

/** Undefined, and told once, when it cannot be: the kernel's hash finds this worker too. */
function steeringOf({ steered, place }: WorkerStart, log: pino.Logger): SteeredWorker | undefined {
  if (steered === undefined) return undefined;
  try {
    return new SteeredWorker({ ...steered, place });
  } catch (error) {
    log.warn(`not steered by load: ${describeError(error)}`);
    return undefined;
  }
}

process.on('message', (message: ToWorker) => {
  if (message.kind !== 'start') {
    worker?.receive(message);
    return;
  }
  const { start } = message;
  const log = pino({ level: start.log.level }, output.destination).child({
    ...start.log.bindings,
    worker: process.pid,
  });
  worker = new Worker({
    start,
    table: start.table === undefined ? undefined : openTable(start.table),
    clock: systemClock,
    log,
    relays: createWithFallback({
      ...createRelayFor(start.engine),
      reason: start.engineReason,
      isWish: start.engineIsWish,
    }),
    steering: steeringOf(start, log),
    send,
    recordsDropped: () => output.dropped(),
  });
});

// The supervisor decides when its workers end; a terminal and systemd signal the whole group.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

// A worker that is stopped when its supervisor dies must wake up to see it: it would go on holding its listener.
if (linuxAvailable().available) signalOnParentDeath('SIGCONT');

process.on('disconnect', () => {
  // A log that nobody reads, for one, keeps exit() waiting for ever.
  if (linuxAvailable().available) endAfter(endSeconds);
  setTimeout(() => process.exit(0), farewellMs);
  void (worker?.close() ?? Promise.resolve()).finally(() => output.flush(() => process.exit(0)));
});
