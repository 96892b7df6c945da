import test from 'ava';
import fc from 'fast-check';
import { planWorkers, usualConnections, type WorkerPlanFacts } from '../../balancer/worker-plan.ts';

const facts: WorkerPlanFacts = {
  engine: 'node',
  workers: undefined,
  maxConnections: undefined,
  cores: 2,
  workerMost: 9_936,
  canShare: true,
};

test('a node of which nothing is said has a worker per core, and what its engine carries', (t) => {
  t.deepEqual(planWorkers(facts), { workers: 2, workerLimit: 9_936, limit: 19_872, missing: 0 });
  const uring = planWorkers({ ...facts, engine: 'uring', workerMost: 639_936 });
  t.deepEqual(uring, { workers: 2, workerLimit: 65_536, limit: usualConnections, missing: 0 });
});

test('the limit of a worker is its share of the node, as far as its descriptors go, and at least one', (t) => {
  t.like(planWorkers({ ...facts, workers: 4, maxConnections: 1_000 }), { workerLimit: 250, limit: 1_000 });
  t.like(planWorkers({ ...facts, workers: 4, maxConnections: 2 }), { workerLimit: 1, limit: 4 });
  t.deepEqual(planWorkers({ ...facts, workers: 4, maxConnections: 100_000 }), {
    workers: 4,
    workerLimit: 9_936,
    limit: 39_744,
    missing: 60_256,
  });
});

test('as many workers are started as maxConnections needs, unless the topology says how many', (t) => {
  t.like(planWorkers({ ...facts, maxConnections: 100_000 }), { workers: 11, limit: 99_990, missing: 0 });
  t.like(planWorkers({ ...facts, maxConnections: 10_000_000 }), { workers: 64, missing: 9_364_096 });
  t.like(planWorkers({ ...facts, maxConnections: 100_000, canShare: false }), { workers: 1, limit: 9_936 });
});

test('a plan never promises more than was asked for or can be carried, but for one connection per worker', (t) => {
  const arbitrary = fc.record({
    engine: fc.constantFrom('node' as const, 'uring' as const),
    workers: fc.option(fc.integer({ min: 1, max: 256 }), { nil: undefined }),
    maxConnections: fc.option(fc.integer({ min: 1, max: 10_000_000 }), { nil: undefined }),
    cores: fc.integer({ min: 1, max: 256 }),
    workerMost: fc.integer({ min: 1, max: 700_000 }),
    canShare: fc.boolean(),
  });
  fc.assert(
    fc.property(arbitrary, (some) => {
      const { workers, workerLimit, limit, missing } = planWorkers(some);
      const asked = some.maxConnections ?? Infinity;
      return (
        workers >= 1 &&
        workerLimit >= 1 &&
        workerLimit <= some.workerMost &&
        limit === workers * workerLimit &&
        limit <= Math.max(asked, workers) &&
        (missing === 0 || limit + missing === asked)
      );
    }),
  );
  t.pass();
});
