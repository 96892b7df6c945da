import type { ExecutionContext } from 'ava';
import { BpfMap } from '../../../lib/linux/bpf/index.ts';
import { ipBytes } from '../../../lib/packet/index.ts';
import {
  flowKey,
  flowKeyLayout,
  FlowState,
  Mode,
  proxyOwner,
  tickShift,
  type FlowEntry,
} from '../../../director/forward/index.ts';
import { takeCensus, takeCensusNow, type CensusRule } from '../../../director/xdp/census.ts';
import { confirmFlows, decodeFlow, encodeFlow, mapSpecs } from '../../../director/xdp/index.ts';
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
const ticksOf = (ms: number): number => Math.ceil((ms * 1e6) / 2 ** tickShift);
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
  most = capacity.flows,
): Promise<void> {
  const specs = mapSpecs({ ...capacity, flows: most });
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
  proxyTicks: 10,
  openingTicks: 1_000,
  speaksForItself: (balancer) => balancer === 2,
  isLeaving: (balancer) => balancer === 3,
  isLeavingService: () => false,
  isProxied: () => false,
  isInProxy: () => false,
};

/** A keeper whose walks are called for one by one. */
function keeperOf(
  t: ExecutionContext,
  maps: { flows: BpfMap; flows_new: BpfMap },
  changes: Partial<CensusRule> = {},
  refused: (refuse: boolean) => void = () => undefined,
  meanwhile: () => void = () => undefined,
) {
  const clock = new ManualClock();
  const { log, lines } = collectingLog();
  const {
    tick,
    liveTicks: _live,
    closingTicks: _closing,
    openingTicks: _opening,
    proxyTicks: _proxy,
    ...rest
  } = { ...rule, ...changes };
  let walks = 0;
  const keeper = new FlowKeeper({
    path: { maps, capacity, setRefuseNew: refused },
    settings: () => settings,
    clock,
    log,
    tick: () => tick,
    pause: () => Promise.resolve(meanwhile()),
    rule: () => rest,
    onCensus: () => void walks++,
  });
  t.teardown(() => keeper.close());
  const walk = async (): Promise<void> => {
    const before = walks;
    clock.advance(1_000);
    await until(() => walks > before, 'a walk to be finished');
  };
  return { keeper, lines, walk };
}

function flowIn(map: BpfMap, port: number): FlowEntry | undefined {
  const value = map.lookup(key(port));
  return value === undefined ? undefined : decodeFlow(value);
}

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

/** The kernel walks its tables in an order of its own. */
const sorted = (keys: readonly Uint8Array[]): Uint8Array[] =>
  keys.toSorted((one, other) => Buffer.compare(one, other));

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
    put(maps.flows, 10, { balancer: 1, state: FlowState.Opening, lastSeen: now - 5_000 });
    put(maps.flows_new, 11, { balancer: 4, state: FlowState.Closing });
    put(maps.flows_new, 12, { balancer: 4, state: FlowState.Closing, lastSeen: now - 5_000 });
    const census = takeCensusNow(maps, rule);
    t.deepEqual([census.confirmed, census.unconfirmed, census.proxied], [5, 7, 1]);
    t.deepEqual(
      [1, 2, 3, 4].map((balancer) => census.byBalancer.get(balancer)),
      [2, 2, undefined, 1],
    );
    t.deepEqual(
      [census.promotable, census.demotable].map((list) => sorted(list.map((one) => one.key))),
      [[key(5)], [key(2), key(10)]],
    );
    t.deepEqual(
      [census.unproxied, census.stale].map((list) => list.map((one) => one.key)),
      [[key(4)], [key(7)]],
    );
    t.deepEqual(
      [census.leftover.unconfirmed, census.leftover.confirmed].map((list) => list.map((one) => one.key)),
      [[key(8)], []],
    );
    t.is(census.young, 1);
  });
});

kernelTest(
  'flows of balancers that cannot confirm are kept from eviction, and a nearly full table is alarmed, then refused',
  async (t) => {
    await withTables(async (maps) => {
      const refusals: boolean[] = [];
      for (let port = 1; port <= 85; port++) put(maps.flows_new, port, { balancer: 1 });
      for (let port = 200; port < 220; port++) put(maps.flows_new, port, { balancer: 2 });
      const { keeper, lines, walk } = keeperOf(t, maps, {}, (refuse) => refusals.push(refuse));
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

kernelTest(
  'proxied flows that ended without a packet let a client with the same port begin anew, living ones stay',
  async (t) => {
    await withTables(async (maps) => {
      const silent = { ...proxyOwner, lastSeen: now - ticksOf(2_000) };
      put(maps.flows_new, 1, { ...silent, state: FlowState.Established });
      put(maps.flows_new, 2, { ...silent, state: FlowState.Opening });
      put(maps.flows_new, 3, { ...proxyOwner, state: FlowState.Established });
      put(maps.flows_new, 4, { ...silent, state: FlowState.Established });
      put(maps.flows, 5, { ...proxyOwner, state: FlowState.Opening });
      let isInProxy = true;
      const { walk } = keeperOf(t, maps, {
        isProxied: (_service, of) => Buffer.compare(of, key(4)) === 0,
        isInProxy: () => isInProxy,
      });
      await walk();
      t.is(flowIn(maps.flows_new, 1)?.state, FlowState.Closing);
      t.is(flowIn(maps.flows_new, 2), undefined);
      t.is(flowIn(maps.flows_new, 3)?.state, FlowState.Established, 'the proxy may not have taken it yet');
      t.is(flowIn(maps.flows_new, 4)?.state, FlowState.Established);
      t.is(flowIn(maps.flows, 5), undefined);
      // Its service has left the proxy: it is not evictable any more.
      isInProxy = false;
      await walk();
      t.is(flowIn(maps.flows, 4)?.mode, proxyOwner.mode);
      t.is(flowIn(maps.flows_new, 4), undefined);
    });
  },
);

kernelTest(
  'what is left of a balancer that leaves goes, but not the flow of a client that came back meanwhile',
  async (t) => {
    await withTables(async (maps) => {
      put(maps.flows_new, 1, { balancer: 3, state: FlowState.Closing });
      put(maps.flows_new, 2, { balancer: 3, state: FlowState.Closing });
      const { walk } = keeperOf(t, maps, { speaksForItself: () => true }, undefined, () =>
        put(maps.flows_new, 2, { balancer: 1 }),
      );
      await walk();
      t.is(flowIn(maps.flows_new, 1), undefined);
      t.is(flowIn(maps.flows_new, 2)?.balancer ?? flowIn(maps.flows, 2)?.balancer, 1);
    });
  },
);

kernelTest('a flow that its balancer does not confirm in all its silence ends', async (t) => {
  await withTables(async (maps) => {
    const silent = { lastSeen: now - ticksOf(61_000) };
    put(maps.flows_new, 1, { ...silent, balancer: 2 });
    put(maps.flows_new, 2, { balancer: 2 });
    put(maps.flows_new, 3, { ...silent, balancer: 2, state: FlowState.Opening });
    const { walk } = keeperOf(t, maps);
    const states = () => [1, 2, 3].map((port) => flowIn(maps.flows_new, port)?.state);
    // Before, the silence may be that of the time when no process dated the packets.
    for (let seconds = 1; seconds <= 60; seconds++) await walk();
    t.deepEqual(states(), [FlowState.Established, FlowState.Established, FlowState.Opening]);
    await walk();
    t.deepEqual(states(), [FlowState.Closing, FlowState.Established, FlowState.Opening]);
  });
});

kernelTest('a flow that was over and is in use again since the walk is not made evictable', async (t) => {
  await withTables(async (maps) => {
    const over = { state: FlowState.Closing, lastSeen: now - ticksOf(61_000) };
    for (const port of [1, 2, 3]) put(maps.flows, port, over);
    let isBack = false;
    const { walk } = keeperOf(t, maps, {}, undefined, () => {
      if (!isBack) return;
      put(maps.flows, 2, { state: FlowState.Established });
      put(maps.flows, 3, { state: FlowState.Closing });
    });
    for (let seconds = 1; seconds <= 60; seconds++) await walk();
    t.is(flowIn(maps.flows, 1)?.state, FlowState.Closing);
    isBack = true;
    await walk();
    t.is(flowIn(maps.flows, 1), undefined);
    t.is(flowIn(maps.flows, 2)?.state, FlowState.Established);
    t.is(flowIn(maps.flows, 3)?.lastSeen, now);
    t.is(flowIn(maps.flows_new, 2), undefined);
  });
});

kernelTest('a walk keeps the MAC address of each flow that it has found', async (t) => {
  const flows = 10_000;
  await withTables(async (maps) => {
    const macOf = (port: number) => Uint8Array.of(2, 0, 0, 0, port >> 8, port & 0xff);
    for (let port = 1; port <= flows; port++)
      put(maps.flows, port, {
        state: FlowState.Closing,
        mode: Mode.Nat,
        lastSeen: now - 5_000,
        clientMac: macOf(port),
      });
    const census = await takeCensus(maps, rule, () => Promise.resolve());
    t.is(census.demotable.length, flows);
    const wrong = census.demotable.filter(
      ({ key: of, entry: seen }) =>
        Buffer.compare(seen.clientMac!, macOf(flowKeyLayout.get(of, 'clientPort'))) !== 0,
    );
    t.deepEqual(wrong, []);
  }, flows);
});

kernelTest(
  'the first listing of a new process of a balancer ends what the earlier one had, confirmed or not',
  async (t) => {
    await withTables((maps) => {
      const taker = new ReportTaker({ maps });
      const reporter = { balancer: 1, generation: 1, service: 0, mode: 1, isEnding: false } as const;
      const base = { balancer: 'b1@h', service: 'chat', confirmed: [], disowned: [] };
      put(maps.flows, 1, { balancer: 1 });
      put(maps.flows, 2, { balancer: 1, state: FlowState.Opening });
      put(maps.flows_new, 3, { balancer: 1 });
      put(maps.flows_new, 4, { balancer: 1, state: FlowState.Opening });
      put(maps.flows_new, 5, { balancer: 2 });
      taker.take(reporter, { ...base, listing: 'begin' }, now);
      taker.take(reporter, { ...base, listing: 'end' }, now);
      t.deepEqual(
        [1, 2, 3, 4, 5].map((port) => [flowIn(maps.flows, port)?.state, flowIn(maps.flows_new, port)?.state]),
        [
          [undefined, FlowState.Closing],
          [undefined, FlowState.Closing],
          [undefined, FlowState.Closing],
          [undefined, FlowState.Opening],
          [undefined, FlowState.Established],
        ],
      );
    });
  },
);

kernelTest('what is confirmed while its entry still says that it opens is established', async (t) => {
  await withTables((maps) => {
    put(maps.flows_new, 1, { balancer: 1, state: FlowState.Opening });
    const owner = { balancer: 1, generation: 1, mode: 1 } as const;
    t.like(confirmFlows({ maps }, owner, [key(1)], now), { moved: 1, restored: 0 });
    t.is(flowIn(maps.flows, 1)?.state, FlowState.Established);
  });
});

kernelTest('a full listing disowns what it does not name, of its balancer and service only', async (t) => {
  await withTables((maps) => {
    const taker = new ReportTaker({ maps });
    const reporter = { balancer: 1, generation: 1, service: 0, mode: 1, isEnding: false } as const;
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
