import test from 'ava';
import { growthLines, growthOf } from '../../bench/capacity/growth.ts';
import { estimateBytes } from '../../bench/capacity/memory.ts';
import type { LoadCounts } from '../../bench/capacity/loads.ts';
import { ephemeralPorts, planRun, proxiedShare } from '../../bench/capacity/plan.ts';
import { faultsOf, type RunResult } from '../../bench/capacity/result.ts';
import { summary } from '../../bench/capacity/summary.ts';
import { crowdCounts } from '../../bench/traffic/crowd-counts.ts';

for (const connections of [1_000, 20_000, 120_000, 250_000, 1_000_000]) {
  test(`${connections} connections fit into the hosts of their plan, also without the one that ends`, (t) => {
    const { clients, servers, balancers, serverSlots, balancerLimit } = planRun(connections);
    t.is(
      clients.reduce((sum, { count }) => sum + count, 0),
      connections,
    );
    t.true((servers.length - 1) * serverSlots >= connections);
    t.true((balancers.length - 1) * balancerLimit >= connections);
    const ports = ephemeralPorts.last - ephemeralPorts.first;
    for (const { count, sources } of clients) t.true(count / sources.length < ports / 2);
    // Of one balancer to one server; the kernel is quick in the first half of the ports.
    t.true(connections / (balancers.length - 1) / (servers.length - 1) < ports / 2);
    t.true(new Set(clients.flatMap(({ sources }) => sources)).size >= clients.length);
  });
}

test('a director that connects to the balancers itself has ports for all of them', (t) => {
  for (const connections of [20_000, 120_000, 600_000]) {
    const { balancers } = planRun(connections, proxiedShare);
    const ports = ephemeralPorts.last - ephemeralPorts.first;
    t.true(connections / (balancers.length - 1) < ports / 2);
  }
});

test('a million connections need less memory than a machine of 24 GiB has', (t) => {
  t.true(estimateBytes(planRun(1_000_000)) < 22 * 2 ** 30);
});

/** A result in which every cost is as given. */
function costing(cost: number): RunResult {
  const byTier = { balancers: cost, ksoftirqd: 9 };
  const result = {
    establish: { cpuPer1000: byTier },
    talk: { cpuPer1000: byTier },
    push: { cpuPer1000: byTier },
    bytesPerConnection: { process: byTier, kernel: { slab: cost, used: 0 } },
  };
  return result as unknown as RunResult;
}

test('costs of a larger run stand beside those of a smaller one, and more than 15 % is said', (t) => {
  const growth = growthOf(costing(10), costing(11));
  t.deepEqual([...new Set(growth.map(({ ratio }) => ratio))], [1.1]);
  t.is(growth.length, 5);
  t.false(growthLines(growth).some((line) => line.includes('dearer')));
  t.true(growthLines(growthOf(costing(10), costing(12))).every((line) => line.includes('dearer')));
});

const nothing: LoadCounts = { ...crowdCounts(), waiting: 0, deaf: 0 };
const about = { name: 'x', connections: 2, processes: {}, parts: [] };

test('a run that came to its end is asked for every message and push', (t) => {
  const counts = { ...nothing, live: 2, sent: 3, told: 2, delivered: 3, pushesHeard: 3 };
  t.deepEqual(faultsOf({ ...about, counts, pushesExpected: 4, unanswered: 1 }), [
    '1 messages unanswered at the end',
    '1 pushes missing',
    '1 messages not with their receivers',
  ]);
});

test('a message that had come before its connection was cut off is counted once', (t) => {
  const counts = {
    ...nothing,
    sent: 10,
    told: 8,
    delivered: 9,
    cutOff: 3,
    cutOffTold: 1,
    cutOffDelivered: 2,
  };
  t.deepEqual(faultsOf({ ...about, counts, pushesExpected: 0 }), []);
});

test('a run that stopped says why, and is asked only for what must never be', (t) => {
  const counts = { ...nothing, live: 1, sent: 3, told: 2, lostUnexpected: 1 };
  t.deepEqual(faultsOf({ ...about, counts, pushesExpected: 4, stopped: 'no memory' }), [
    'stopped: no memory',
    '1 lost unexpectedly',
  ]);
});

test('a table has a column for a run that stopped before anything was measured', (t) => {
  const stopped = { ...about, counts: { ...nothing, live: 1 }, pushesExpected: 0, stopped: 'x', faults: [] };
  const lines = summary([stopped]);
  t.true(lines.some((line) => /^live at the end +1$/.test(line)));
  t.true(lines.some((line) => /^message, ms +–$/.test(line)));
});
