/**
 * A process that picks out of a table it shares with its test (descriptor 4), as a worker does. Arguments: its place, the
 * number of places. Told a plan with its upstreams, it says `ready`; told `pick`, it picks so many connections, giving
 * every `releaseEvery`-th back (0: none), and tells its counters; `forever` goes on until it is killed.
 */
import { PickTable } from '../../balancer/pick-table.ts';
import { SharedPicker } from '../../balancer/picker-shared.ts';
import type { PickPlan } from '../../balancer/pick-plan.ts';
import type { WorkerUpstream } from '../../balancer/worker-protocol.ts';
import { systemClock } from '../../lib/clock/index.ts';
import { SharedMemory } from '../../lib/shared-memory/index.ts';

export type ToPickChild =
  | { readonly plan: PickPlan; readonly upstreams: readonly WorkerUpstream[] }
  | { readonly pick: number | 'forever'; readonly releaseEvery: number };

const [place = 0, workers = 1] = process.argv.slice(2).map(Number);
const table = new PickTable(SharedMemory.open(4, PickTable.bytes(workers)).buffer, workers);
let upstreams: readonly WorkerUpstream[] = [];
const picker = new SharedPicker({
  table,
  place,
  clock: systemClock,
  random: Math.random,
  send: (_requests, sent) => sent(),
  upstream: (id) => upstreams.find((upstream) => upstream.id === id),
});
let connection = 0;

async function pickMany(count: number, releaseEvery: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    connection++;
    const client = { host: `10.0.${connection & 255}.${(connection >> 8) & 255}`, port: 40_000 };
    const answer = picker.pick({ service: 'chat', client, tried: [], connection });
    const picked = answer instanceof Promise ? await answer : answer;
    if (picked !== null && releaseEvery > 0 && turn % releaseEvery === 0) picker.release(picked.id);
  }
}

process.on('message', (message: ToPickChild) => {
  if ('plan' in message) {
    upstreams = message.upstreams;
    picker.configure(message.plan);
    process.send?.('ready');
  } else if (message.pick === 'forever') {
    const goOn = (): void => void pickMany(50, message.releaseEvery).then(() => setImmediate(goOn));
    goOn();
  } else {
    void pickMany(message.pick, message.releaseEvery).then(() => process.send?.(picker.stats));
  }
});
process.on('disconnect', () => process.exit(0));
process.send?.('started');
