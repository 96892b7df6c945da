/**
 * One process that picks for the bench: `shared` out of the table (descriptor 4), `ipc` by asking its parent. Told a plan
 * with its upstreams, then how many picks to make with how many on their way at a time; tells the time they took.
 */
import { PickTable } from '../../balancer/pick-table.ts';
import type { PickPlan } from '../../balancer/pick-plan.ts';
import { IpcPicker } from '../../balancer/picker-ipc.ts';
import { SharedPicker } from '../../balancer/picker-shared.ts';
import type { WorkerRequest, WorkerUpstream } from '../../balancer/worker-protocol.ts';
import { systemClock } from '../../lib/clock/index.ts';
import { SharedMemory } from '../../lib/shared-memory/index.ts';

export type ToPickProcess =
  | { readonly plan: PickPlan; readonly upstreams: readonly WorkerUpstream[] }
  | { readonly answers: readonly number[] }
  | { readonly picks: number; readonly atOnce: number };

export type FromPickProcess =
  { readonly requests: readonly WorkerRequest[] } | { readonly elapsedMs: number };

const [kind, place = '0', workers = '1'] = process.argv.slice(2);
let upstreams = new Map<number, WorkerUpstream>();

function tell(message: FromPickProcess, sent: () => void = () => {}): void {
  process.send?.(message, undefined, {}, () => sent());
}

const options = {
  clock: systemClock,
  send: (requests: readonly WorkerRequest[], sent: () => void) => tell({ requests }, sent),
  upstream: (id: number) => upstreams.get(id),
};
const asking = new IpcPicker(options);
const shared =
  kind === 'shared'
    ? new SharedPicker({
        ...options,
        table: new PickTable(SharedMemory.open(4, PickTable.bytes(Number(workers))).buffer, Number(workers)),
        place: Number(place),
        random: Math.random,
      })
    : undefined;

async function pickMany(picks: number, atOnce: number): Promise<void> {
  let left = picks;
  const one = async (): Promise<void> => {
    while (left-- > 0) {
      const request = {
        service: 'chat',
        client: { host: '192.0.2.1', port: left & 0xffff },
        tried: [],
        connection: left,
      };
      const answer = (shared ?? asking).pick(request);
      const picked = answer instanceof Promise ? await answer : answer;
      if (picked !== null) (shared ?? asking).release(picked.id);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
}

process.on('message', (message: ToPickProcess) => {
  if ('plan' in message) {
    upstreams = new Map(message.upstreams.map((upstream) => [upstream.id, upstream]));
    shared?.configure(message.plan);
  } else if ('answers' in message) {
    asking.answer(message.answers);
  } else {
    const beganMs = performance.now();
    void pickMany(message.picks, message.atOnce).then(() => tell({ elapsedMs: performance.now() - beganMs }));
  }
});
process.on('disconnect', () => process.exit(0));
