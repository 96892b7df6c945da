import { BpfMap } from '../../../lib/linux/bpf/index.ts';
import { ipBytes } from '../../../lib/packet/index.ts';
import { flowKey, FlowState, proxyOwner, type FlowEntry } from '../../../director/forward/index.ts';
import { takeCensus, takeCensusNow, type CensusRule } from '../../../director/xdp/census.ts';
import { confirmFlows, encodeFlow, mapSpecs } from '../../../director/xdp/index.ts';
import { FlowKeeper } from '../../../director/xdp/flow-keeper.ts';
import { ReportTaker } from '../../../director/xdp/take-reports.ts';
import type { FlowSettings } from '../../../topology/index.ts';
import { kernelTest } from '../../lib/linux/bpf/kernel-test.ts';
import { ManualClock } from '../../manual-clock.ts';
import { until } from '../../until.ts';
import { collectingLog } from '../fixtures.ts';
import { client4, entry, tableSize } from '../forward/world.ts';

const capacity = { services: 2, balancers: 8, flows: 100, unconfirmedFlows: 128, tableSize };
const key = (port: number, service = 0) => flowKey(ipBytes(client4), port, service);
const now = 100_000;
const settings: FlowSettings = {
  capacity: 100,
  unconfirmed: 128,
  idleMs: 60_000,
  onFull: 'refuse',
  resetsPerSecond: 5_000,
};

/** Only the flow tables. */
async function withTables(
  use: (maps: { flows: BpfMap; flows_new: BpfMap }) => void | Promise<void>,
): Promise<void> {
  const specs = mapSpecs(capacity);
  const flows = BpfMap.create('flows', specs.flows);
  const fresh = BpfMap.create('flows_new', specs.flows_new);
  try {
    await use({ flows, flows_new: fresh });
  } finally {
    flows.close();
    fresh.close();
  }
}

const rule: CensusRule = {
  tick: now,
  liveTicks: 1_000,
  closingTicks: 1_000,
  openingTicks: 1_000,
  speaksForItself: (balancer) => balancer === 2,
  isLeaving: (balancer) => balancer === 3,
  isLeavingService: () => false,
  isProxied: () => false,
};

function put(map: BpfMap, port: number, fields: Partial<FlowEntry>): void {
  map.update(key(port), encodeFlow(entry({ lastSeen: now, ...fields })));
}

kernelTest('a flow that is confirmed during a walk is counted', async (t) => {
  await withTables(async (maps) => {
    put(maps.flows, 2, { balancer: 2 });
    put(maps.flows_new, 1, { balancer: 1 });
    const census = await takeCensus(maps, rule, () => {
      confirmFlows({ maps }, entry(), [key(1)], now);
      return Promise.resolve();
    });
    t.true((census.byBalancer.get(1) ?? 0) > 0);
  });
});

kernelTest('a census counts who lives, and finds what has to be looked after', async (t) => {
  await withTables((maps) => {
    put(maps.flows, 1, { balancer: 1 });
    put(maps.flows, 2, { balancer: 1, state: FlowState.Closing, lastSeen: now - 5_000 });
    put(maps.flows, 3, { balancer: 2, state: FlowState.Closing, lastSeen: now - 5_000 });
    put(maps.flows, 4, { ...proxyOwner });
    put(maps.flows_new, 5, { balancer: 1 });
    put(maps.flows_new, 6, { balancer: 2 });
    put(maps.flows_new, 7, { balancer: 2, lastSeen: now - 5_000 });
    put(maps.flows_new, 8, { balancer: 3, state: FlowState.Opening, lastSeen: now - 5_000 });
    put(maps.flows_new, 9, { balancer: 3, state: FlowState.Opening });
    const census = takeCensusNow(maps, rule);
    t.deepEqual([census.confirmed, census.unconfirmed, census.proxied], [4, 5, 1]);
    t.deepEqual(
      [census.byBalancer.get(1), census.byBalancer.get(2), census.byBalancer.get(3)],
      [2, 2, undefined],
    );
    t.deepEqual(
      [census.promotable, census.demotable].map((list) => list.map((one) => one.key)),
      [[key(5)], [key(2)]],
    );
    t.deepEqual(census.unproxied, [key(4)]);
    t.deepEqual(census.leftover, { unconfirmed: [key(8)], confirmed: [] });
    t.is(census.young, 1);
  });
});

kernelTest(
  'flows of balancers that cannot confirm are kept from eviction, and a nearly full table is alarmed, then refused',
  async (t) => {
    await withTables(async (maps) => {
      const clock = new ManualClock();
      const { log, lines } = collectingLog();
      const refusals: boolean[] = [];
      for (let port = 1; port <= 85; port++) put(maps.flows_new, port, { balancer: 1 });
      for (let port = 200; port < 220; port++) put(maps.flows_new, port, { balancer: 2 });
      const { tick: _tick, liveTicks: _live, closingTicks: _closing, ...rest } = rule;
      let walks = 0;
      const keeper = new FlowKeeper({
        path: { maps, capacity, setRefuseNew: (refuse) => refusals.push(refuse) },
        settings: () => settings,
        clock,
        log,
        tick: () => now,
        pause: () => Promise.resolve(),
        rule: () => rest,
        onCensus: () => void walks++,
      });
      t.teardown(() => keeper.close());
      const walk = async (): Promise<void> => {
        const before = walks;
        clock.advance(1_000);
        await until(() => walks > before, 'a walk to be finished');
      };
      await walk();
      t.is(keeper.counters.flowsPromoted, 85);
      await walk();
      t.is(keeper.census.confirmed, 85);
      t.is(keeper.counters.flowAlarms, 1);
      t.true(lines.some(({ msg }) => /flow table is 85 % full/.test(String(msg))));
      for (let port = 300; port < 314; port++) put(maps.flows, port, { balancer: 2 });
      await walk();
      t.is(refusals.at(-1), true);
      t.is(keeper.counters.flowAlarms, 1);
      t.is(keeper.counters.flowsReclaimed, 0);
      keeper.close();
    });
  },
);

kernelTest('a full listing disowns what it does not name, of its balancer and service only', async (t) => {
  await withTables((maps) => {
    const taker = new ReportTaker({ maps });
    const reporter = { balancer: 1, generation: 1, service: 0, mode: 1 } as const;
    const client = (port: number) => ({ address: ipBytes(client4), port });
    const base = { balancer: 'b1@h', service: 'chat', disowned: [] };
    for (const port of [1, 2, 3]) put(maps.flows, port, { balancer: 1 });
    put(maps.flows, 4, { balancer: 2 });
    taker.take(reporter, { ...base, listing: 'begin', confirmed: [client(1)] }, now);
    taker.take(reporter, { ...base, listing: 'none', confirmed: [client(5)] }, now);
    t.truthy(maps.flows.lookup(key(2)));
    taker.take(reporter, { ...base, listing: 'end', confirmed: [client(2)] }, now);
    t.deepEqual(
      [1, 2, 3, 4, 5].filter((port) => maps.flows.lookup(key(port)) !== undefined),
      [1, 2, 4, 5],
    );
    t.like(taker.counters, { flowsConfirmed: 1, flowsRestored: 1, flowsDisowned: 1, flowsContested: 0 });
  });
});
