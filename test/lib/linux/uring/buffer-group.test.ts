import { isHeadgateError } from '../../../../lib/errors/index.ts';
import { isSyscallError } from '../../../../lib/linux/index.ts';
import {
  BufferGroup,
  direct,
  DirectTable,
  ENOBUFS,
  IORING_CQE_F_BUFFER,
  IORING_CQE_F_MORE,
  prepareReceiveMultishot,
  prepareReceiveProvided,
  prepareSend,
  type Memory,
  type Ring,
} from '../../../../lib/linux/uring/index.ts';
import { collect, connectPair, makeListener, makeMemory, makeRing, pump, uringTest } from './support.ts';
import type { ExecutionContext } from 'ava';

const receive = 1;
const send = 2;
/** Of the memory: the sockaddr comes first. */
const payloadAt = 128;
const client = 0;
const server = 1;

/** A pair of connected sockets in direct slots 0 and 1. */
function pair(t: ExecutionContext, host: string): { ring: Ring; memory: Memory } {
  const memory = makeMemory(t, 65_536 + payloadAt);
  const ring = makeRing(t);
  new DirectTable(ring, { slots: 4 });
  connectPair(ring, makeListener(t, memory, host), client, server);
  for (let index = 0; index < 65_536; index++) memory.u8[payloadAt + index] = index * 7;
  return { ring, memory };
}

uringTest('waiting receives own no buffer, and what comes lies in one of the group', (t) => {
  const { ring, memory } = pair(t, '127.90.10.1');
  const group = new BufferGroup(ring, { group: 3, buffers: 8, bufferBytes: 256 });
  prepareReceiveProvided(ring.sqe(receive, 0), direct(server), 3);
  ring.submit();
  t.is(group.available, 8);
  prepareSend(ring.sqe(send, 0), direct(client), memory.address + payloadAt, 100);
  const completion = collect(ring, 2).find(({ low }) => low === receive)!;
  t.is(completion.result, 100);
  const buffer = group.take(completion.flags);
  t.is(group.available, 7);
  t.deepEqual(group.view(buffer, 100), memory.u8.subarray(payloadAt, payloadAt + 100));
  group.recycle(buffer);
  t.is(group.available, 8);
});

uringTest('running out of buffers ends a multishot receive, is counted, and is recovered from', (t) => {
  const { ring, memory } = pair(t, '127.90.10.2');
  const group = new BufferGroup(ring, { group: 0, buffers: 2, bufferBytes: 16 });
  prepareReceiveMultishot(ring.sqe(receive, 0), direct(server), 0);
  prepareSend(ring.sqe(send, 0), direct(client), memory.address + payloadAt, 64);
  const held: number[] = [];
  const bytes: number[] = [];
  let ended = false;
  pump(
    ring,
    ({ low, result, flags }) => {
      if (low !== receive) return;
      if (result === -ENOBUFS) {
        t.is(flags & (IORING_CQE_F_BUFFER | IORING_CQE_F_MORE), 0);
        group.ranOut();
        ended = true;
        return;
      }
      const buffer = group.take(flags);
      held.push(buffer);
      bytes.push(...group.view(buffer, result));
    },
    () => ended,
  );
  t.is(group.exhausted, 1);
  t.is(group.available, 0);
  for (const buffer of held) group.recycle(buffer);
  group.publish();
  prepareReceiveMultishot(ring.sqe(receive, 0), direct(server), 0);
  pump(
    ring,
    ({ result, flags }) => {
      if ((flags & IORING_CQE_F_MORE) === 0) prepareReceiveMultishot(ring.sqe(receive, 0), direct(server), 0);
      if (result < 0) return;
      const buffer = group.take(flags);
      bytes.push(...group.view(buffer, result));
      group.recycle(buffer);
      group.publish();
    },
    () => bytes.length === 64,
  );
  t.deepEqual(bytes, [...memory.u8.subarray(payloadAt, payloadAt + 64)]);
});

uringTest('buffers go round many times without being mixed up', (t) => {
  const { ring, memory } = pair(t, '127.90.10.3');
  const group = new BufferGroup(ring, { group: 0, buffers: 4, bufferBytes: 64 });
  prepareReceiveMultishot(ring.sqe(receive, 0), direct(server), 0);
  const total = 20_000;
  prepareSend(ring.sqe(send, 0), direct(client), memory.address + payloadAt, total);
  const bytes: number[] = [];
  pump(
    ring,
    ({ low, result, flags }) => {
      if (low !== receive) return;
      if (result > 0) {
        const buffer = group.take(flags);
        bytes.push(...group.view(buffer, result));
        group.recycle(buffer);
        group.publish();
      }
      if ((flags & IORING_CQE_F_MORE) === 0) prepareReceiveMultishot(ring.sqe(receive, 0), direct(server), 0);
    },
    () => bytes.length === total,
  );
  t.deepEqual(bytes, [...memory.u8.subarray(payloadAt, payloadAt + total)]);
  t.is(group.available, 4);
});

uringTest('several groups serve one ring, and a number is taken once', (t) => {
  const { ring, memory } = pair(t, '127.90.10.4');
  const small = new BufferGroup(ring, { group: 1, buffers: 2, bufferBytes: 64 });
  const large = new BufferGroup(ring, { group: 2, buffers: 2, bufferBytes: 8_192 });
  prepareReceiveProvided(ring.sqe(receive, 0), direct(server), 2);
  prepareSend(ring.sqe(send, 0), direct(client), memory.address + payloadAt, 4_000);
  const completion = collect(ring, 2).find(({ low }) => low === receive)!;
  t.is(completion.result, 4_000);
  large.take(completion.flags);
  t.deepEqual([small.available, large.available], [2, 1]);
  const again = t.throws(() => new BufferGroup(ring, { group: 1, buffers: 2, bufferBytes: 64 }));
  t.true(isSyscallError(again, 'EEXIST'));
  small.close();
  small.close();
  t.notThrows(() => new BufferGroup(ring, { group: 1, buffers: 2, bufferBytes: 64 }));
});

uringTest(
  'a bundle covers several buffers, in the order in which they were recycled',
  (t) => {
    const { ring, memory } = pair(t, '127.90.10.5');
    const group = new BufferGroup(ring, { group: 0, buffers: 4, bufferBytes: 16 });
    // One after the other is used; then they are given back in another order.
    for (let turn = 0; turn < 4; turn++) {
      prepareReceiveProvided(ring.sqe(receive, 0), direct(server), 0);
      prepareSend(ring.sqe(send, 0), direct(client), memory.address + payloadAt, 16);
      group.take(collect(ring, 2).find(({ low }) => low === receive)!.flags);
    }
    for (const buffer of [1, 3, 0, 2]) group.recycle(buffer);
    group.publish();
    prepareSend(ring.sqe(send, 0), direct(client), memory.address + payloadAt, 60);
    collect(ring, 1);
    prepareReceiveMultishot(ring.sqe(receive, 0), direct(server), 0, { bundle: true });
    const buffers: number[] = [];
    let left = 60;
    let largest = 0;
    pump(
      ring,
      ({ result, flags }) => {
        if (result < 0) return;
        left -= result;
        largest = Math.max(largest, result);
        let buffer = group.take(flags);
        buffers.push(buffer);
        for (let rest = result - 16; rest > 0; rest -= 16) buffers.push((buffer = group.takeNext(buffer)));
      },
      () => left === 0,
    );
    t.true(largest > 16, 'at least one completion covers several');
    t.deepEqual(buffers, [1, 3, 0, 2]);
    const bytes = buffers.flatMap((buffer) => [...group.view(buffer)]).slice(0, 60);
    t.deepEqual(bytes, [...memory.u8.subarray(payloadAt, payloadAt + 60)]);
  },
  ['receiveBundle'],
);

uringTest(
  'a multishot receive with a limit ends there by itself and leaves the rest to the kernel',
  (t) => {
    const { ring, memory } = pair(t, '127.90.10.6');
    const group = new BufferGroup(ring, { group: 0, buffers: 16, bufferBytes: 64 });
    prepareReceiveMultishot(ring.sqe(receive, 0), direct(server), 0, { totalBytes: 128 });
    prepareSend(ring.sqe(send, 0), direct(client), memory.address + payloadAt, 1_000);
    let bytes = 0;
    let ended = false;
    pump(
      ring,
      ({ low, result, flags }) => {
        if (low !== receive) return;
        bytes += result;
        group.recycle(group.take(flags));
        ended = (flags & IORING_CQE_F_MORE) === 0;
      },
      () => ended,
    );
    t.is(bytes, 128);
  },
  ['receiveLimit'],
);

uringTest('a buffer given back or taken twice is told as misuse', (t) => {
  const ring = makeRing(t);
  const group = new BufferGroup(ring, { group: 0, buffers: 2, bufferBytes: 64 });
  t.true(
    isHeadgateError(
      t.throws(() => group.recycle(0)),
      'HEADGATE_URING_MISUSE',
    ),
  );
  t.true(
    isHeadgateError(
      t.throws(() => group.recycle(7)),
      'HEADGATE_URING_MISUSE',
    ),
  );
  const flags = (1 << 16) | IORING_CQE_F_BUFFER;
  t.is(group.take(flags), 1);
  t.true(
    isHeadgateError(
      t.throws(() => group.take(flags)),
      'HEADGATE_URING_MISUSE',
    ),
  );
});

uringTest('sizes the kernel does not have are refused', (t) => {
  const ring = makeRing(t);
  for (const wrong of [{ buffers: 3 }, { buffers: 65_536 }, { group: 65_536 }, { bufferBytes: 0 }]) {
    const options = { group: 0, buffers: 2, bufferBytes: 64, ...wrong };
    t.true(
      isHeadgateError(
        t.throws(() => new BufferGroup(ring, options)),
        'HEADGATE_URING_SIZE',
      ),
    );
  }
});

uringTest('a view kept after the ring was closed reads zeros', (t) => {
  const ring = makeRing(t);
  const group = new BufferGroup(ring, { group: 0, buffers: 2, bufferBytes: 4_096 });
  const view = group.view(1);
  view.fill(9);
  ring.close();
  t.true(view.every((byte) => byte === 0));
});
