import test from 'ava';
import { IpcPicker, maxOutstandingPicks, pickTimeoutMs } from '../../balancer/picker-ipc.ts';
import type { PickRequest } from '../../balancer/picker.ts';
import type { WorkerRequest, WorkerUpstream } from '../../balancer/worker-protocol.ts';
import { ManualClock } from '../manual-clock.ts';
import { client } from './upstreams.ts';

const server: WorkerUpstream = {
  id: 7,
  key: 'c1@h:1',
  name: 'c1',
  endpoint: { host: '10.0.2.1', port: 7000 },
  row: 3,
};

const ask = (tried: readonly number[]): PickRequest => ({ service: 'chat', client, tried, connection: 1 });

interface Setup {
  readonly picker: IpcPicker;
  readonly clock: ManualClock;
  /** Batches sent, in order. */
  readonly batches: (readonly WorkerRequest[])[];
  /** Tells the picker that the oldest unconfirmed batch has left. */
  readonly confirm: () => void;
}

function setup(): Setup {
  const clock = new ManualClock();
  const batches: (readonly WorkerRequest[])[] = [];
  const sent: (() => void)[] = [];
  const picker = new IpcPicker({
    clock,
    send(requests, done) {
      batches.push(requests);
      sent.push(done);
    },
    upstream: (id) => (id === server.id ? server : undefined),
  });
  return { picker, clock, batches, confirm: () => sent.shift()!() };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('what is asked in one turn of the event loop travels in one message', async (t) => {
  const { picker, batches } = setup();
  void picker.pick(ask([]));
  void picker.pick(ask([3]));
  picker.release(5);
  picker.failed(6);
  t.is(batches.length, 0);
  await nextTurn();
  t.deepEqual(batches, [
    [
      ['pick', 1, 'chat', client.host, client.port, []],
      ['pick', 2, 'chat', client.host, client.port, [3]],
      ['release', 5],
      ['failed', 6],
    ],
  ]);
});

test('while a message is on its way the next ones gather', async (t) => {
  const { picker, batches, confirm } = setup();
  picker.release(1);
  await nextTurn();
  for (const id of [2, 3, 4]) {
    picker.release(id);
    await nextTurn();
  }
  t.is(batches.length, 1);
  confirm();
  t.deepEqual(batches[1], [
    ['release', 2],
    ['release', 3],
    ['release', 4],
  ]);
  confirm();
  picker.release(5);
  await nextTurn();
  t.is(batches.length, 3);
});

test('an answer resolves its pick, 0 means nobody', async (t) => {
  const { picker } = setup();
  const first = picker.pick(ask([]));
  const second = picker.pick(ask([]));
  picker.answer([2, 0, 1, server.id]);
  t.is(await first, server);
  t.is(await second, null);
});

test('a pick without an answer gives up in time, and a late answer gives its place back', async (t) => {
  const { picker, clock, batches } = setup();
  const early = picker.pick(ask([]));
  clock.advance(1_000);
  const late = picker.pick(ask([]));
  clock.advance(pickTimeoutMs - 1_000);
  t.is(await early, null);
  t.is(picker.stats.picksTimedOut, 1);
  picker.answer([2, server.id]);
  t.is(await late, server, 'each has its own time');
  picker.answer([1, server.id, 99, 0]);
  await nextTurn();
  t.deepEqual(batches.at(-1)?.at(-1), ['release', server.id]);
  clock.advance(pickTimeoutMs);
  t.is(clock.pending, 0);
});

test('an answer that names an upstream unknown here refuses the client and gives the place back', async (t) => {
  const { picker, batches } = setup();
  const pick = picker.pick(ask([]));
  picker.answer([1, 8]);
  t.is(await pick, null);
  await nextTurn();
  t.deepEqual(batches.at(-1)?.at(-1), ['release', 8]);
});

test('more picks than may wait are refused at once and counted', async (t) => {
  const { picker } = setup();
  for (let index = 0; index < maxOutstandingPicks; index++) void picker.pick(ask([]));
  t.is(await picker.pick(ask([])), null);
  t.is(picker.stats.picksRefused, 1);
  picker.answer([1, 0]);
  void picker.pick(ask([]));
  t.is(picker.stats.picksRefused, 1);
});
