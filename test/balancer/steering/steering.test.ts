import { closeSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import {
  groupsMost,
  placesMost,
  SteeredWorker,
  Steering,
  steeringProgram,
} from '../../../balancer/steering/index.ts';
import type { Endpoint } from '../../../lib/address/index.ts';
import { acceptQueue, listeningSocket } from '../../../lib/linux/index.ts';
import { bpfAvailable, Program } from '../../../lib/linux/bpf/index.ts';
import { uringMissing } from '../../lib/relay/engines.ts';
import { testUnless } from '../../test-unless.ts';
import { connectMany } from './connects.ts';
import { duplicate } from './duplicate.ts';

const bpf = bpfAvailable();
const kernelTest = testUnless(bpf.available ? uringMissing : bpf.reason);
const backlog = 4_096;

/** A worker as the kernel knows it: a listener whose connections nobody accepts. */
interface Place {
  readonly fd: number;
  readonly worker: SteeredWorker;
}

/** Another listener of a worker. */
function listen({ worker }: Place, endpoint: Endpoint, group: number): number {
  const fd = listeningSocket({ endpoint, reusePort: true, backlog });
  worker.join(fd, group);
  return fd;
}

function group(t: ExecutionContext, endpoint: Endpoint, places: number) {
  const { steering } = Steering.create(places);
  if (steering === undefined) throw new Error('no steering');
  t.teardown(() => steering.close());
  const open = (place: number): Place => {
    const [loads, sockets] = steering.descriptors;
    const worker = new SteeredWorker({ descriptors: [duplicate(loads), duplicate(sockets)], places, place });
    t.teardown(() => worker.close());
    const fd = listeningSocket({ endpoint, reusePort: true, backlog });
    worker.join(fd, 5);
    worker.record.setLive(true);
    return { fd, worker };
  };
  return { steering, open };
}

function spread(queues: readonly number[]): number {
  return Math.max(...queues) / Math.min(...queues);
}

kernelTest(
  'new connections go to the worker with the fewest: 10,000 over four, and evenly again after one was replaced',
  (t) => {
    const endpoint = { host: '127.52.1.1', port: 9000 };
    const { steering, open } = group(t, endpoint, 4);
    const places = [0, 1, 2, 3].map(open);
    const queues = (): number[] => places.map(({ fd }) => acceptQueue(fd).queued);
    connectMany(t, endpoint, 10_000);
    t.true(spread(queues()) <= 1.1, queues().join());

    // What waited at the one that is gone waits at others now.
    closeSync(places[2]!.fd);
    steering.gone(2);
    places.splice(2, 1);
    t.is(
      queues().reduce((sum, queued) => sum + queued, 0),
      10_000,
    );

    places.push(open(2));
    connectMany(t, endpoint, 3_600);
    t.true(spread(queues()) <= 1.1, queues().join());
    for (const { fd } of places) closeSync(fd);
  },
);

kernelTest('a worker gets nothing while it is not live, and the kernel chooses when none is', (t) => {
  const endpoint = { host: '127.52.1.2', port: 9000 };
  const { steering, open } = group(t, endpoint, 3);
  const places = [0, 1, 2].map(open);
  const queues = (): number[] => places.map(({ fd }) => acceptQueue(fd).queued);
  steering.gone(1);
  connectMany(t, endpoint, 60);
  t.deepEqual(queues(), [30, 0, 30]);
  for (const place of [0, 2]) steering.gone(place);
  connectMany(t, endpoint, 60);
  t.is(
    queues().reduce((sum, queued) => sum + queued, 0),
    120,
  );
  for (const { fd } of places) closeSync(fd);
});

kernelTest('a worker that has closed one listener gets its share of the others', (t) => {
  const [chat, irc] = [9000, 9001].map((port) => ({ host: '127.52.1.4', port })) as [Endpoint, Endpoint];
  const { open } = group(t, chat, 3);
  const places = [0, 1, 2].map(open);
  const listeners = places.map((place) => listen(place, irc, 6));
  const queued = (fds: readonly number[]): number[] => fds.map((fd) => acceptQueue(fd).queued);

  closeSync(listeners.shift()!);
  connectMany(t, irc, 20);
  t.deepEqual(queued(listeners), [10, 10], 'in its place the one with the next fewest');
  closeSync(listeners.shift()!);
  connectMany(t, irc, 20);
  t.deepEqual(queued(listeners), [40], 'what waited at the second one, too');
  closeSync(listeners.shift()!);

  connectMany(t, chat, 90);
  const given = places.map(({ worker }) => worker.record.load);
  t.true(spread(given) <= 1.1, given.join());
  t.true(
    queued(places.map(({ fd }) => fd)).every((count) => count > 0),
    'each has some',
  );
  for (const { fd } of places) closeSync(fd);
});

kernelTest(
  'a worker that has not opened a listener yet, or has another under its number, loses nothing',
  (t) => {
    const [old, fresh, other] = [9000, 9001, 9002].map((port) => ({ host: '127.52.1.5', port })) as [
      Endpoint,
      Endpoint,
      Endpoint,
    ];
    const { open } = group(t, old, 3);
    const places = [0, 1, 2].map(open);
    const [first, second] = places as [Place, Place, Place];
    // The second one has the number for a listener that the first one has closed; the third one has none for it.
    const listeners = [listen(first, fresh, 6), listen(second, other, 6)];
    connectMany(t, fresh, 30);
    t.is(acceptQueue(listeners[0]!).queued, 30);
    connectMany(t, old, 60);
    t.deepEqual(
      places.map(({ fd }) => acceptQueue(fd).queued),
      [20, 20, 20],
    );
    for (const fd of [...listeners, ...places.map((place) => place.fd)]) closeSync(fd);
  },
);

kernelTest('connections that ended and those that never came about do not count', (t) => {
  const endpoint = { host: '127.52.1.3', port: 9000 };
  const { open } = group(t, endpoint, 2);
  const [one, other] = [open(0), open(1)];
  one.worker.record.update(50, 50);
  connectMany(t, endpoint, 20);
  t.is(acceptQueue(other.fd).queued, 20, 'the other one has fewer');
  t.is(other.worker.record.load, 20);
  other.worker.record.update(12, 12);
  t.is(other.worker.record.load, 20, 'twelve accepted, eight on their way');
  other.worker.record.update(0, 12);
  t.is(other.worker.record.load, 8);
  other.worker.record.expire();
  t.is(other.worker.record.load, 8, 'their time is not over');
  other.worker.record.expire();
  t.is(other.worker.record.load, 0);
  other.worker.record.update(3, 15);
  t.is(other.worker.record.load, 3, 'accepted after all');
  for (const { fd } of [one, other]) closeSync(fd);
});

test('without eBPF, for one worker and for too many, hashing is chosen and the reason is one line', (t) => {
  for (const places of [1, 65]) {
    const { steering, choice } = Steering.create(places);
    t.is(steering, undefined);
    t.is(choice.by, 'hash');
    t.false(choice.reason.includes('\n'));
  }
});

kernelTest('the verifier takes the program for as many workers and listeners as there can be', (t) => {
  t.notThrows(() => {
    const { steering } = Steering.create(placesMost);
    const [loads, sockets] = steering!.descriptors;
    Program.load('most', steeringProgram(groupsMost - 1, placesMost), {
      loads: { fd: loads },
      sockets: { fd: sockets },
    }).close();
    steering!.close();
  });
});
