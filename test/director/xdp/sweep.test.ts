import { BpfMap } from '../../../lib/linux/bpf/index.ts';
import { ipBytes } from '../../../lib/packet/index.ts';
import { flowKey, type FlowEntry } from '../../../director/forward/index.ts';
import { encodeFlow, mapSpecs, reclaimFlows, sweepFlows, type Swept } from '../../../director/xdp/index.ts';
import { kernelTest } from '../../lib/linux/bpf/kernel-test.ts';
import { client4, entry, tableSize } from '../forward/world.ts';

const capacity = { services: 1, balancers: 8, flows: 100, unconfirmedFlows: 16, tableSize };
const now = 5;

/** Only the map that is swept, filled with one flow per entry. */
function withFlows(entries: readonly Partial<FlowEntry>[], use: (path: Swept, map: BpfMap) => void): void {
  const flows = BpfMap.create('flows', mapSpecs(capacity).flows);
  try {
    for (const [port, fields] of entries.entries()) flows.update(key(port), encodeFlow(entry(fields)));
    use({ maps: { flows } }, flows);
  } finally {
    flows.close();
  }
}

const key = (port: number) => flowKey(ipBytes(client4), port + 1, 0);
const many = (count: number, fields: (index: number) => Partial<FlowEntry>) =>
  Array.from({ length: count }, (_, index) => fields(index));

kernelTest('a sweep counts the flows of each balancer', (t) => {
  withFlows([...many(3, () => ({ balancer: 1 })), ...many(2, () => ({ balancer: 7 }))], (path) => {
    const { byBalancer, ...rest } = sweepFlows(path);
    t.deepEqual(rest, { flows: 5, fill: 0.05 });
    t.deepEqual([byBalancer.size, byBalancer.get(1), byBalancer.get(7)], [2, 3, 2]);
  });
});

const rule = { aboveFill: 0.9, idleTicks: 100, tick: now, mayReclaim: (balancer: number) => balancer === 1 };

kernelTest('the longest silent flows go, down to the limit and no further; dates may have wrapped', (t) => {
  // Silent for 105 to 200 ticks, across the wrap.
  withFlows(
    many(96, (index) => ({ lastSeen: (now - 105 - index) >>> 0 })),
    (path, map) => {
      t.is(reclaimFlows(path, rule), 6);
      const left = many(96, (index) => ({ lastSeen: index })).flatMap((_, port) =>
        map.lookup(key(port)) === undefined ? [] : [port],
      );
      t.deepEqual(
        left,
        Array.from({ length: 90 }, (_, port) => port),
      );
      t.is(reclaimFlows(path, rule), 0);
    },
  );
});

kernelTest(
  'flows of balancers that speak for themselves, and flows not silent for long, stay however full the table is',
  (t) => {
    const confirming = many(90, () => ({ balancer: 2, lastSeen: (now - 1_000) >>> 0 }));
    const lively = many(8, (index) => ({ lastSeen: now - 5 + index }));
    withFlows([...confirming, ...lively], (path) => {
      t.is(reclaimFlows(path, rule), 0);
      t.is(sweepFlows(path).flows, 98);
    });
  },
);

kernelTest('below the limit nothing is reclaimed', (t) => {
  withFlows(
    many(90, () => ({ lastSeen: (now - 1_000) >>> 0 })),
    (path) => t.is(reclaimFlows(path, rule), 0),
  );
});
