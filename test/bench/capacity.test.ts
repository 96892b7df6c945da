import test from 'ava';
import { growthLines, growthOf } from '../../bench/capacity/growth.ts';
import { estimateBytes } from '../../bench/capacity/memory.ts';
import { ephemeralPorts, planRun } from '../../bench/capacity/plan.ts';
import type { RunResult } from '../../bench/capacity/result.ts';

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
