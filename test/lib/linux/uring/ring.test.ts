import { isHeadgateError } from '../../../../lib/errors/index.ts';
import { isSyscallError } from '../../../../lib/linux/index.ts';
import {
  BufferGroup,
  DirectTable,
  direct,
  ECANCELED,
  ETIME,
  POLLIN,
  preparePoll,
  prepareNop,
  prepareReceiveMultishot,
  prepareRingMessage,
  prepareSocketDirect,
  prepareTimeout,
  Ring,
  uringSupport,
  writeTimespec,
  type RingMode,
} from '../../../../lib/linux/uring/index.ts';
import {
  collect,
  makeEvent,
  makeMemory,
  makeRing,
  openKernelObjects,
  pump,
  resultOf,
  uringTest,
} from './support.ts';

uringTest('a ring opens one descriptor and closes it', (t) => {
  const before = openKernelObjects();
  const ring = new Ring({ entries: 8 });
  t.deepEqual(openKernelObjects(), [...before, 'anon_inode:[io_uring]'].toSorted());
  ring.close();
  ring.close();
  t.deepEqual(openKernelObjects(), before);
});

uringTest('a ring with buffers, direct sockets and requests under way leaves nothing behind', (t) => {
  const before = openKernelObjects();
  const ring = new Ring({ entries: 8 });
  new DirectTable(ring, { slots: 4 });
  new BufferGroup(ring, { group: 1, buffers: 4, bufferBytes: 64 });
  prepareSocketDirect(ring.sqe(1, 0), 2, 1, 0, 0);
  t.is(resultOf(ring), 0);
  const event = makeEvent(t);
  preparePoll(ring.sqe(2, 0), event.fd, POLLIN);
  prepareReceiveMultishot(ring.sqe(3, 0), direct(0), 1);
  ring.submit();
  ring.close();
  event.close();
  t.deepEqual(openKernelObjects(), before);
});

uringTest('opening and closing many rings adds up to nothing', (t) => {
  const before = openKernelObjects().length;
  for (let round = 0; round < 50; round++) new Ring({ entries: 64 }).close();
  t.is(openKernelObjects().length, before);
});

uringTest('sizes are rounded up to powers of two, and the completion queue is as large as asked', (t) => {
  const ring = makeRing(t, { entries: 5, completionEntries: 33 });
  t.deepEqual([ring.entries, ring.completionEntries], [8, 64]);
});

uringTest('sizes out of range are refused', (t) => {
  for (const entries of [0, 1.5, 32_769, NaN]) {
    t.true(
      isHeadgateError(
        t.throws(() => new Ring({ entries })),
        'HEADGATE_URING_SIZE',
      ),
    );
  }
  const tooFew = t.throws(() => new Ring({ entries: 8, completionEntries: 4 }));
  t.true(isHeadgateError(tooFew, 'HEADGATE_URING_SIZE'));
});

for (const mode of ['deferred-direct', 'deferred', 'cooperative', 'plain'] satisfies RingMode[]) {
  uringTest(`requests complete in order of submission in mode ${mode}`, (t) => {
    const ring = makeRing(t, { entries: 4, mode });
    const told: number[] = [];
    for (let round = 0; round < 10; round++) {
      for (let index = 0; index < 3; index++) prepareNop(ring.sqe(round * 3 + index, 7));
      for (const { low, high, result } of collect(ring, 3)) {
        t.deepEqual([high, result], [7, 0]);
        told.push(low);
      }
    }
    t.deepEqual(told, [...Array(30).keys()]);
    t.is(ring.stats.submitted, 30);
    t.is(ring.stats.completed, 30);
  });
}

uringTest('the best mode is taken without being asked', (t) => {
  const support = uringSupport();
  t.is(makeRing(t).mode, support.available ? support.mode : 'plain');
});

uringTest('a whole batch is one call of the kernel', (t) => {
  const ring = makeRing(t);
  for (let index = 0; index < 64; index++) prepareNop(ring.sqe(index, 0));
  t.is(ring.queued, 64);
  t.is(ring.submit(), 64);
  t.is(ring.stats.enters, 1);
  t.is(ring.queued, 0);
  t.is(collect(ring, 64).length, 64);
});

uringTest('a full submission queue is submitted, and no request is lost', (t) => {
  const ring = makeRing(t, { entries: 4, completionEntries: 128 });
  for (let index = 0; index < 100; index++) prepareNop(ring.sqe(index, 0));
  t.deepEqual(
    collect(ring, 100).map(({ low }) => low),
    [...Array(100).keys()],
  );
  t.is(ring.stats.queueFull, 24);
});

uringTest('reserved requests are submitted together, so that a chain holds', (t) => {
  const memory = makeMemory(t);
  const ring = makeRing(t, { entries: 4 });
  for (let index = 0; index < 3; index++) prepareNop(ring.sqe(index, 0));
  ring.reserve(2);
  t.is(ring.queued, 0, 'there was room for one only');
  // The end of a timeout is a failure, so the second is cancelled: they are a chain.
  prepareTimeout(ring.sqe(3, 0), writeTimespec(memory, 0, 0)).link();
  prepareNop(ring.sqe(4, 0));
  const results = new Map(collect(ring, 5).map(({ low, result }) => [low, result]));
  t.deepEqual([results.get(3), results.get(4)], [-ETIME, -ECANCELED]);
  t.true(
    isHeadgateError(
      t.throws(() => ring.reserve(5)),
      'HEADGATE_URING_SIZE',
    ),
  );
});

uringTest('an overflown completion queue loses nothing and is counted', (t) => {
  const ring = makeRing(t, { entries: 8, completionEntries: 8 });
  for (let index = 0; index < 50; index++) prepareNop(ring.sqe(index, 0));
  ring.submit();
  t.is(ring.ready, 8);
  const told: number[] = [];
  t.is(
    ring.drain((low) => told.push(low)),
    50,
  );
  t.deepEqual(told, [...Array(50).keys()]);
  t.true(ring.stats.overflows > 0);
  t.is(ring.stats.dropped, 0);
});

uringTest('drained places are given back to the kernel without another call', (t) => {
  // Into a ring of this mode a message goes directly, without that ring's thread.
  const ring = makeRing(t, { entries: 8, completionEntries: 8, mode: 'plain' });
  const other = makeRing(t);
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < 8; index++) prepareRingMessage(other.sqe(0, 0), ring.fd, 0, index, 0);
    collect(other, 8);
    t.is(
      ring.drain(() => undefined),
      8,
    );
  }
  t.is(ring.stats.overflows, 0);
});

uringTest('draining stops at the number asked for', (t) => {
  const ring = makeRing(t);
  for (let index = 0; index < 5; index++) prepareNop(ring.sqe(index, 0));
  ring.submit();
  const told: number[] = [];
  t.is(
    ring.drain((low) => told.push(low), 2),
    2,
  );
  t.is(ring.ready, 3);
  t.is(
    ring.drain((low) => told.push(low)),
    3,
  );
  t.deepEqual(told, [0, 1, 2, 3, 4]);
});

uringTest('a handler that throws loses its own completion only', (t) => {
  const ring = makeRing(t);
  for (let index = 0; index < 3; index++) prepareNop(ring.sqe(index, 0));
  ring.submit();
  const told: number[] = [];
  const tell = (low: number): void => {
    if (low === 1) throw new Error('of the handler');
    told.push(low);
  };
  t.throws(() => ring.drain(tell), { message: 'of the handler' });
  ring.drain(tell);
  t.deepEqual(told, [0, 2]);
});

uringTest('a handler may write more requests than fit while it drains', (t) => {
  const ring = makeRing(t, { entries: 2, completionEntries: 64 });
  const told = new Set<number>();
  prepareNop(ring.sqe(0, 0));
  pump(
    ring,
    ({ low }) => {
      told.add(low);
      if (low < 10) for (let child = 1; child <= 3; child++) prepareNop(ring.sqe(low * 3 + child, 0));
    },
    () => told.size === 31,
  );
  t.is(ring.stats.dropped, 0);
});

uringTest('a ring may be closed by its handler', (t) => {
  const ring = makeRing(t);
  for (let index = 0; index < 3; index++) prepareNop(ring.sqe(index, 0));
  ring.submit();
  let told = 0;
  ring.drain(() => {
    told++;
    ring.close();
  });
  t.is(told, 1);
});

uringTest('a closed ring says so and touches nothing', (t) => {
  const ring = makeRing(t);
  prepareNop(ring.sqe(0, 0));
  ring.close();
  for (const use of [() => ring.sqe(0, 0), () => ring.submit(), () => ring.wait(1), () => ring.reserve(1)]) {
    t.true(isHeadgateError(t.throws(use), 'HEADGATE_URING_CLOSED'));
  }
  t.is(
    ring.drain(() => t.fail()),
    0,
  );
  t.deepEqual([ring.queued, ring.ready, ring.closed], [0, 0, true]);
});

uringTest('a bounded wait ends without a completion', (t) => {
  const ring = makeRing(t);
  ring.wait(1, 5);
  t.is(ring.ready, 0);
});

uringTest('a timeout completes with ETIME', (t) => {
  const memory = makeMemory(t);
  const ring = makeRing(t);
  prepareTimeout(ring.sqe(1, 0), writeTimespec(memory, 0, 1.5));
  t.is(resultOf(ring), -ETIME);
});

uringTest('a message of one ring is a completion of another', (t) => {
  const from = makeRing(t);
  const to = makeRing(t);
  prepareRingMessage(from.sqe(1, 0), to.fd, 42, 0x11, 0x22);
  t.is(resultOf(from), 0);
  const [message] = collect(to, 1);
  t.deepEqual([message!.low, message!.high, message!.result], [0x11, 0x22, 42]);
});

uringTest('an eventfd is signalled when a completion can be made, but not while muted', (t) => {
  const event = makeEvent(t);
  const ring = makeRing(t);
  const other = makeRing(t);
  ring.notify(event);
  const send = (): void => {
    prepareRingMessage(other.sqe(1, 0), ring.fd, 1, 2, 0);
    t.is(resultOf(other), 0);
  };
  send();
  t.true(event.clear());
  t.is(collect(ring, 1).length, 1);
  event.clear();
  ring.mute(true);
  send();
  t.false(event.clear());
  ring.mute(false);
  t.is(collect(ring, 1).length, 1, 'it is there all the same');
});

uringTest('a second eventfd is refused with the reason', (t) => {
  const ring = makeRing(t);
  ring.notify(makeEvent(t));
  t.true(
    isSyscallError(
      t.throws(() => ring.notify(makeEvent(t))),
      'EBUSY',
    ),
  );
});
