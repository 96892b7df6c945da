import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fork } from 'node:child_process';
import {
  BufferGroup,
  direct,
  DirectTable,
  IORING_CQE_F_MORE,
  MSG_DONTWAIT,
  MSG_WAITALL,
  packLow,
  prepareAcceptMultishotDirect,
  prepareClose,
  prepareNop,
  prepareReceive,
  prepareReceiveMultishot,
  prepareRingMessage,
  prepareSend,
  RingLoop,
  unpackKind,
  unpackSlot,
  watchReadable,
  type CompletionHandler,
  type Ring,
} from '../../../../lib/linux/uring/index.ts';
import {
  connectPair,
  makeEvent,
  makeListener,
  makeMemory,
  makeRing,
  resultOf,
  uringTest,
} from './support.ts';
import type { ExecutionContext } from 'ava';
import { until } from './until.ts';

function makeLoop(t: ExecutionContext, ring: Ring, handle: CompletionHandler, turnMs?: number): RingLoop {
  const loop = new RingLoop({ ring, handle, ...(turnMs === undefined ? {} : { turnMs }) });
  t.teardown(() => loop.close());
  return loop;
}

/** A message from another ring, so that the ring has work that it did not begin itself. */
function poke(t: ExecutionContext, ring: Ring, low: number): void {
  const other = makeRing(t);
  prepareRingMessage(other.sqe(0, 0), ring.fd, 0, low, 0);
  t.is(resultOf(other), 0);
}

uringTest('a completion wakes the event loop, and promises resolved by it go on', async (t) => {
  const ring = makeRing(t);
  const told = withResolvers<number>();
  makeLoop(t, ring, (low) => told.resolve(low));
  poke(t, ring, 5);
  t.is(await told.promise, 5);
});

uringTest('requests written outside a turn leave with flush, once for many calls', async (t) => {
  const ring = makeRing(t);
  const told: number[] = [];
  const loop = makeLoop(t, ring, (low) => told.push(low));
  for (let index = 0; index < 5; index++) {
    prepareNop(ring.sqe(index, 0));
    loop.flush();
  }
  await until(() => told.length === 5, 'five completions');
  t.deepEqual(told, [0, 1, 2, 3, 4]);
  t.is(loop.stats.turns, 1);
});

uringTest('work the kernel put off is done although nothing signals it again', async (t) => {
  const memory = makeMemory(t);
  const listener = makeListener(t, memory, '127.90.4.9');
  const ring = makeRing(t, { entries: 512 });
  new DirectTable(ring, { slots: 2 });
  connectPair(ring, listener, 0, 1);
  const told: number[] = [];
  const loop = makeLoop(t, ring, (low) => told.push(low));
  const idle = 300;
  for (let index = 0; index < idle; index++) {
    prepareReceive(ring.sqe(1_000, 0), direct(1), memory.address + 64, 1);
  }
  loop.flush();
  await nextTurn();
  // Every receive is woken and none finds the byte: work without a completion, more than the kernel does in one call.
  prepareSend(ring.sqe(1, 0), direct(0), memory.address, 1);
  prepareReceive(ring.sqe(2, 0), direct(1), memory.address + 64, 1, MSG_DONTWAIT);
  loop.flush();
  await until(() => told.length === 2, 'the byte is sent and received');
  poke(t, ring, 3);
  await until(() => told.includes(3), 'the message behind that work');
  t.deepEqual(told, [1, 2, 3]);
});

uringTest('a ring that never rests lets timers have their turn', async (t) => {
  const ring = makeRing(t);
  let told = 0;
  let stop = false;
  const loop = makeLoop(
    t,
    ring,
    () => {
      told++;
      if (!stop) prepareNop(ring.sqe(0, 0));
    },
    1,
  );
  prepareNop(ring.sqe(0, 0));
  loop.flush();
  for (let turn = 0; turn < 5; turn++) await sleep(1);
  t.true(loop.stats.longTurns > 0);
  const before = told;
  await until(() => told > before, 'the ring going on between timers');
  stop = true;
  await nextTurn();
});

uringTest('a ring and its loop may be closed by the handler', async (t) => {
  const ring = makeRing(t);
  let told = 0;
  const loop = makeLoop(t, ring, () => {
    told++;
    loop.close();
    ring.close();
  });
  for (let index = 0; index < 3; index++) prepareNop(ring.sqe(index, 0));
  loop.flush();
  await until(() => ring.closed, 'the end');
  t.is(told, 1);
});

uringTest('a closed loop tells nothing more', async (t) => {
  const ring = makeRing(t);
  const loop = makeLoop(t, ring, () => t.fail());
  prepareNop(ring.sqe(0, 0));
  loop.flush();
  loop.close();
  loop.close();
  poke(t, ring, 1);
  await nextTurn();
  await nextTurn();
  t.is(loop.stats.turns, 0);
});

uringTest('a ring goes on under another loop after one was closed', async (t) => {
  const ring = makeRing(t);
  const first = makeLoop(t, ring, () => first.close());
  poke(t, ring, 1);
  await until(() => first.stats.turns > 0, 'the first loop');
  const told: number[] = [];
  makeLoop(t, ring, (low) => told.push(low));
  poke(t, ring, 2);
  await until(() => told.length > 0, 'the second loop');
  t.deepEqual(told, [2]);
});

uringTest('a watch that is not closed keeps calling while there is something to read', async (t) => {
  const event = makeEvent(t);
  let calls = 0;
  const watch = watchReadable(event.fd, () => {
    calls++;
    if (calls === 3) event.clear();
  });
  t.teardown(() => watch.close());
  event.signal();
  await until(() => calls === 3, 'three calls');
  event.signal();
  watch.close();
  watch.close();
  await nextTurn();
  await nextTurn();
  t.is(calls, 3);
});

uringTest('promises and ticks run right after a watch has called', async (t) => {
  const event = makeEvent(t);
  const order: string[] = [];
  const watch = watchReadable(event.fd, () => {
    event.clear();
    setImmediate(() => order.push('immediate'));
    queueMicrotask(() => order.push('promise'));
    process.nextTick(() => order.push('tick'));
  });
  t.teardown(() => watch.close());
  event.signal();
  await until(() => order.length === 3, 'all three');
  t.is(order.at(-1), 'immediate');
});

uringTest('an exception of a handler is uncaught like any other', async (t) => {
  const child = fork(new URL('throw-child.js', import.meta.url), { silent: true });
  t.teardown(() => child.kill('SIGKILL'));
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  t.is(code, 1);
  t.regex(text, /thrown by the handler/);
});

uringTest('an echo server under the event loop serves clients of the same event loop', async (t) => {
  const memory = makeMemory(t);
  const ring = makeRing(t);
  const listener = makeListener(t, memory, '127.90.14.1');
  new DirectTable(ring, { slots: 16 });
  const group = new BufferGroup(ring, { group: 0, buffers: 32, bufferBytes: 2_048 });
  const kind = { accept: 1, receive: 2, send: 3, close: 4 } as const;
  const sending = new Map<number, number[]>();
  const handle: CompletionHandler = (low, _high, result, flags) => {
    const slot = unpackSlot(low);
    if (unpackKind(low) === kind.accept) {
      sending.set(result, []);
      prepareReceiveMultishot(ring.sqe(packLow(kind.receive, result), 0), direct(result), 0);
    } else if (unpackKind(low) === kind.send) {
      group.recycle(sending.get(slot)!.shift()!);
    } else if (unpackKind(low) === kind.receive && result > 0) {
      const buffer = group.take(flags);
      sending.get(slot)!.push(buffer);
      const at = group.address(buffer);
      prepareSend(ring.sqe(packLow(kind.send, slot), 0), direct(slot), at, result, MSG_WAITALL);
      t.not(flags & IORING_CQE_F_MORE, 0);
    } else if (unpackKind(low) === kind.receive) {
      prepareClose(ring.sqe(packLow(kind.close, slot), 0), direct(slot));
    }
  };
  const loop = new RingLoop({ ring, handle, afterBatch: () => group.publish() });
  t.teardown(() => loop.close());
  prepareAcceptMultishotDirect(ring.sqe(packLow(kind.accept, 0), 0), listener.fd);
  loop.flush();
  const play = async (index: number): Promise<void> => {
    const socket = connect({ host: '127.90.14.1', port: 7_000 });
    for (let message = 0; message < 20; message++) {
      socket.write(`${index} says ${message}`);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      t.is(answer.toString(), `${index} says ${message}`);
    }
    socket.end();
    await once(socket, 'close');
  };
  await Promise.all(Array.from({ length: 10 }, (_, index) => play(index)));
  t.is(group.available, 32);
});

/** As Promise.withResolvers(), which Node 20 does not have. */
function withResolvers<Value>(): { promise: Promise<Value>; resolve: (value: Value) => void } {
  let resolve: (value: Value) => void = () => undefined;
  const promise = new Promise<Value>((done) => (resolve = done));
  return { promise, resolve };
}
