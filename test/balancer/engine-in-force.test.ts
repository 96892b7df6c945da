import test from 'ava';
import pino from 'pino';
import { engineInForce, EngineLog, type PlannedEngine } from '../../balancer/engine-in-force.ts';
import type { WorkerEngine } from '../../balancer/worker-protocol.ts';

const reason = 'engine uring: io_uring has all it needs';
const planned: PlannedEngine = { engine: 'uring', reason, workers: 2, workerLimit: 1_000 };
const works: WorkerEngine = { engine: 'uring', reason, isFallback: false, limit: 1_000 };
const fell: WorkerEngine = { engine: 'node', reason: 'engine node: why', isFallback: true, limit: 300 };

test('workers that run as planned, or have not told yet, are as planned', (t) => {
  const asPlanned = { engine: { name: 'uring', reason }, limit: 2_000 };
  t.deepEqual(engineInForce(planned, []), asPlanned);
  t.deepEqual(engineInForce(planned, [works]), asPlanned);
  t.deepEqual(engineInForce(planned, [works, works]), asPlanned);
});

test('what workers fell back to is in force, with the sum of their limits', (t) => {
  t.deepEqual(engineInForce(planned, [fell, fell]), {
    engine: { name: 'node', reason: 'engine node: why' },
    limit: 600,
  });
  t.deepEqual(engineInForce(planned, [works, fell]), {
    engine: { name: 'uring and node', reason: `${reason}; 1 of 2 workers: engine node: why` },
    limit: 1_300,
  });
});

test('the log tells what is not as planned, once', (t) => {
  const lines: unknown[] = [];
  const write = (line: string): void => void lines.push(JSON.parse(line).msg);
  const log = new EngineLog(pino({}, { write }), planned);
  log.update(engineInForce(planned, [works, works]));
  t.deepEqual(lines, []);
  for (let times = 0; times < 2; times++) log.update(engineInForce(planned, [fell, fell]));
  t.deepEqual(lines, ['carries up to 600 connections: engine node: why']);
});
