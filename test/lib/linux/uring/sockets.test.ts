import { AF_INET, SOCK_STREAM } from '../../../../lib/linux/constants.ts';
import {
  anySlot,
  BufferGroup,
  direct,
  DirectTable,
  ECANCELED,
  encodeSockaddr,
  ETIME,
  iovecStruct,
  IORING_CQE_F_MORE,
  MSG_WAITALL,
  msghdrStruct,
  OperationTable,
  packHigh,
  packLow,
  prepareAccept,
  prepareAcceptDirect,
  prepareAcceptMultishotDirect,
  prepareBind,
  prepareCancel,
  prepareCancelDescriptor,
  prepareClose,
  prepareConnect,
  prepareLinkTimeout,
  prepareReceive,
  prepareReceiveMessage,
  prepareReceiveMultishot,
  prepareSend,
  prepareSendMessage,
  prepareShutdown,
  prepareSocketDirect,
  SHUT_WR,
  unpackKind,
  unpackSlot,
  writeTimespec,
  type Memory,
  type Ring,
} from '../../../../lib/linux/uring/index.ts';
import {
  collect,
  connectPair,
  makeListener,
  makeMemory,
  makeRing,
  pump,
  resultOf,
  uringTest,
  type Completion,
} from './support.ts';

const kind = { accept: 1, receive: 2, send: 3, cancel: 4, socket: 5, connect: 6 } as const;
const client = 0;
const server = 1;

uringTest('an echo server of multishot accept and receive gives every byte back', (t) => {
  const memory = makeMemory(t, 1 << 20);
  const listener = makeListener(t, memory, '127.90.12.1');
  const served = makeRing(t, { entries: 256 });
  new DirectTable(served, { slots: 16 });
  const group = new BufferGroup(served, { group: 0, buffers: 16, bufferBytes: 1_024 });
  const held = new Map<number, { buffer: number; bytes: number }[]>();
  const sendFirst = (slot: number): void => {
    const first = held.get(slot)?.[0];
    if (first === undefined) return;
    const sqe = served.sqe(packLow(kind.send, slot), 0);
    prepareSend(sqe, direct(slot), group.address(first.buffer), first.bytes, MSG_WAITALL);
  };
  const receive = (slot: number): void => {
    prepareReceiveMultishot(served.sqe(packLow(kind.receive, slot), 0), direct(slot), 0);
  };
  const serve = ({ low, result, flags }: Completion): void => {
    const slot = unpackSlot(low);
    const queue = held.get(slot) ?? [];
    if (unpackKind(low) === kind.accept) {
      held.set(result, []);
      receive(result);
    } else if (unpackKind(low) === kind.send) {
      group.recycle(queue.shift()!.buffer);
      group.publish();
      sendFirst(slot);
    } else {
      if (result > 0) {
        queue.push({ buffer: group.take(flags), bytes: result });
        if (queue.length === 1) sendFirst(slot);
      }
      if ((flags & IORING_CQE_F_MORE) === 0 && result !== 0) receive(slot);
    }
  };
  prepareAcceptMultishotDirect(served.sqe(packLow(kind.accept, 0), 0), listener.fd);
  served.submit();

  const clients = makeRing(t);
  new DirectTable(clients, { slots: 4 });
  const bytesEach = 60_000;
  const sentAt = 4_096;
  const receivedAt = (slot: number): number => 100_000 + slot * bytesEach;
  for (let index = 0; index < bytesEach; index++) memory.u8[sentAt + index] = index * 31 + (index >> 8);
  const results: number[] = [];
  for (let slot = 0; slot < 4; slot++) {
    clients.reserve(2);
    prepareSocketDirect(clients.sqe(packLow(kind.socket, slot), 0), AF_INET, SOCK_STREAM, 0, slot).link();
    const sqe = clients.sqe(packLow(kind.connect, slot), 0);
    prepareConnect(sqe, direct(slot), listener.sockaddrAt, listener.sockaddrBytes);
  }
  pump(
    clients,
    ({ low, result }) => {
      const slot = unpackSlot(low);
      if (unpackKind(low) === kind.receive) results.push(result);
      if (unpackKind(low) !== kind.connect) return;
      const send = clients.sqe(packLow(kind.send, slot), 0);
      prepareSend(send, direct(slot), memory.address + sentAt, bytesEach, MSG_WAITALL);
      const at = memory.address + receivedAt(slot);
      prepareReceive(clients.sqe(packLow(kind.receive, slot), 0), direct(slot), at, bytesEach, MSG_WAITALL);
    },
    () => {
      served.wait(0);
      served.drain((low, high, result, flags) => serve({ low, high, result, flags }));
      served.submit();
      return results.length === 4;
    },
    1,
  );
  t.deepEqual(results, [bytesEach, bytesEach, bytesEach, bytesEach]);
  const sent = memory.u8.subarray(sentAt, sentAt + bytesEach);
  for (let slot = 0; slot < 4; slot++) {
    const received = memory.u8.subarray(receivedAt(slot), receivedAt(slot) + bytesEach);
    t.is(Buffer.compare(received, sent), 0);
  }
  t.is(group.available, 16);
});

uringTest('a plain accept answers a descriptor and tells the address of the peer', (t) => {
  const memory = makeMemory(t);
  const ring = makeRing(t);
  new DirectTable(ring, { slots: 1 });
  const listener = makeListener(t, memory, '127.90.12.2');
  const [peerAt, lengthAt] = [256, 512];
  memory.u32[lengthAt / 4] = 28;
  prepareAccept(ring.sqe(1, 0), listener.fd, memory.address + peerAt, memory.address + lengthAt);
  prepareSocketDirect(ring.sqe(2, 0), AF_INET, SOCK_STREAM, 0, 0).link();
  prepareConnect(ring.sqe(3, 0), direct(0), listener.sockaddrAt, listener.sockaddrBytes);
  const fd = collect(ring, 3).find(({ low }) => low === 1)!.result;
  t.is(memory.u32[lengthAt / 4], 16);
  t.deepEqual([...memory.u8.subarray(peerAt + 4, peerAt + 6)], [127, 0], 'from the loopback');
  prepareClose(ring.sqe(4, 0), fd);
  t.is(resultOf(ring), 0);
});

uringTest(
  'a direct descriptor connects from the address it was bound to',
  (t) => {
    const memory = makeMemory(t);
    const ring = makeRing(t);
    new DirectTable(ring, { slots: 2 });
    const listener = makeListener(t, memory, '127.90.12.9');
    const [sourceAt, peerAt, lengthAt] = [128, 256, 512];
    memory.u8.set(encodeSockaddr({ host: '127.90.12.10', port: 0 }), sourceAt);
    memory.u32[lengthAt / 4] = 28;
    const { sockaddrAt, sockaddrBytes } = listener;
    prepareAcceptDirect(
      ring.sqe(0, 0),
      listener.fd,
      anySlot,
      memory.address + peerAt,
      memory.address + lengthAt,
    );
    ring.reserve(3);
    prepareSocketDirect(ring.sqe(0, 0), AF_INET, SOCK_STREAM, 0, client).link();
    prepareBind(ring.sqe(0, 0), direct(client), memory.address + sourceAt, sockaddrBytes).link();
    prepareConnect(ring.sqe(0, 0), direct(client), sockaddrAt, sockaddrBytes);
    t.deepEqual(
      collect(ring, 4)
        .map(({ result }) => result)
        .toSorted((a, b) => a - b),
      [0, 0, 0, server],
    );
    t.deepEqual([...memory.u8.subarray(peerAt + 4, peerAt + 8)], [127, 90, 12, 10]);
  },
  ['bind'],
);

uringTest('a connection closed in one direction still works in the other', (t) => {
  const { ring, memory } = pair('127.90.12.3');
  prepareShutdown(ring.sqe(1, 0), direct(client), SHUT_WR);
  prepareReceive(ring.sqe(2, 0), direct(server), memory.address + 256, 64);
  const end = collect(ring, 2);
  t.deepEqual(
    end.map(({ result }) => result),
    [0, 0],
    'the end of the stream',
  );
  memory.u8.set(Buffer.from('still here'), 512);
  prepareSend(ring.sqe(3, 0), direct(server), memory.address + 512, 10);
  prepareReceive(ring.sqe(4, 0), direct(client), memory.address + 1_024, 64);
  t.deepEqual(
    collect(ring, 2).map(({ result }) => result),
    [10, 10],
  );
  t.is(Buffer.from(memory.u8.subarray(1_024, 1_034)).toString(), 'still here');

  function pair(host: string): { ring: Ring; memory: Memory } {
    const own = makeMemory(t);
    const made = makeRing(t);
    new DirectTable(made, { slots: 2 });
    connectPair(made, makeListener(t, own, host), client, server);
    return { ring: made, memory: own };
  }
});

uringTest('a cancelled receive is a late completion for the next life of its slot', (t) => {
  const memory = makeMemory(t);
  const ring = makeRing(t);
  new DirectTable(ring, { slots: 2 });
  connectPair(ring, makeListener(t, memory, '127.90.12.4'), client, server);
  const table = new OperationTable(1);
  const slot = table.take();
  const [low, high] = [packLow(kind.receive, slot), packHigh(table.generation(slot))];
  table.begin(slot);
  prepareReceive(ring.sqe(low, high), direct(server), memory.address + 256, 64);
  ring.submit();
  table.release(slot);
  t.is(table.take(), -1);
  prepareCancel(ring.sqe(packLow(kind.cancel, 0), 0), low, high);
  const completions = collect(ring, 2);
  const received = completions.find((completion) => unpackKind(completion.low) === kind.receive)!;
  t.is(received.result, -ECANCELED);
  t.is(completions.find((completion) => unpackKind(completion.low) === kind.cancel)!.result, 0);
  t.false(table.settle(received.low, received.high, false));
  t.is(table.take(), slot);
});

uringTest('everything under way on a direct descriptor is cancelled at once', (t) => {
  const memory = makeMemory(t);
  const ring = makeRing(t);
  new DirectTable(ring, { slots: 2 });
  connectPair(ring, makeListener(t, memory, '127.90.12.5'), client, server);
  new BufferGroup(ring, { group: 0, buffers: 2, bufferBytes: 64 });
  prepareReceiveMultishot(ring.sqe(packLow(kind.receive, 0), 0), direct(server), 0);
  prepareReceive(ring.sqe(packLow(kind.receive, 1), 0), direct(server), memory.address + 256, 64);
  prepareReceive(ring.sqe(packLow(kind.receive, 2), 0), direct(client), memory.address + 512, 64);
  ring.submit();
  prepareCancelDescriptor(ring.sqe(packLow(kind.cancel, 0), 0), direct(server));
  const completions = collect(ring, 3);
  t.is(completions.find(({ low }) => unpackKind(low) === kind.cancel)!.result, 2);
  const cancelled = completions.filter(({ low }) => unpackKind(low) === kind.receive);
  t.deepEqual(
    cancelled.map(({ low }) => unpackSlot(low)).toSorted((a, b) => a - b),
    [0, 1],
  );
  t.true(cancelled.every(({ result }) => result === -ECANCELED));
});

uringTest('a connect that is not answered is ended by its link timeout', (t) => {
  const memory = makeMemory(t);
  const ring = makeRing(t);
  new DirectTable(ring, { slots: 8 });
  // A listener that accepts nothing and whose queue is full: further SYNs are dropped.
  const listener = makeListener(t, memory, '127.90.12.6', 0);
  const timespecAt = writeTimespec(memory, 128, 30);
  const results: number[][] = [];
  for (let slot = 0; slot < 4; slot++) {
    prepareSocketDirect(ring.sqe(0, 0), AF_INET, SOCK_STREAM, 0, slot);
    t.is(resultOf(ring), 0);
    ring.reserve(2);
    const connect = prepareConnect(ring.sqe(1, 0), direct(slot), listener.sockaddrAt, listener.sockaddrBytes);
    connect.link();
    prepareLinkTimeout(ring.sqe(2, 0), timespecAt);
    const pairOfResults = collect(ring, 2).toSorted((a, b) => a.low - b.low);
    results.push(pairOfResults.map(({ result }) => result));
  }
  t.deepEqual(results[0], [0, -ECANCELED], 'the first one found room and stopped its timeout');
  t.deepEqual(results.at(-1), [-ECANCELED, -ETIME]);
});

uringTest('a refused connect says so', (t) => {
  const memory = makeMemory(t);
  const ring = makeRing(t);
  new DirectTable(ring, { slots: 1 });
  memory.u8.set([2, 0, 0, 9, 127, 90, 12, 7]); // sockaddr_in of 127.90.12.7:9, where nobody listens
  ring.reserve(2);
  prepareSocketDirect(ring.sqe(1, 0), AF_INET, SOCK_STREAM, 0, 0).link();
  prepareConnect(ring.sqe(2, 0), direct(0), memory.address, 16);
  const ECONNREFUSED = 111;
  t.deepEqual(
    collect(ring, 2).map(({ result }) => result),
    [0, -ECONNREFUSED],
  );
});

uringTest('messages of several pieces are sent and received', (t) => {
  const memory = makeMemory(t);
  const ring = makeRing(t);
  new DirectTable(ring, { slots: 2 });
  connectPair(ring, makeListener(t, memory, '127.90.12.8'), client, server);
  memory.u8.set(Buffer.from('hello, world'), 1_024);
  const gather = writeMessage(256, [
    [1_031, 5],
    [1_024, 5],
  ]);
  const scatter = writeMessage(512, [
    [2_048, 3],
    [2_100, 7],
  ]);
  prepareSendMessage(ring.sqe(1, 0), direct(client), gather);
  prepareReceiveMessage(ring.sqe(2, 0), direct(server), scatter);
  t.deepEqual(
    collect(ring, 2).map(({ result }) => result),
    [10, 10],
  );
  const text = [memory.u8.subarray(2_048, 2_051), memory.u8.subarray(2_100, 2_107)];
  t.is(Buffer.concat(text).toString(), 'worldhello');

  /** A struct user_msghdr at `at` and its iovecs behind it; returns its address. */
  function writeMessage(at: number, pieces: readonly (readonly [at: number, bytes: number])[]): number {
    const view = new DataView(memory.u8.buffer);
    const iovAt = at + msghdrStruct.bytes;
    view.setBigUint64(at + msghdrStruct.at.iov, BigInt(memory.address + iovAt), true);
    view.setBigUint64(at + msghdrStruct.at.iovlen, BigInt(pieces.length), true);
    pieces.forEach(([pieceAt, bytes], index) => {
      const base = iovAt + index * iovecStruct.bytes;
      view.setBigUint64(base + iovecStruct.at.base, BigInt(memory.address + pieceAt), true);
      view.setBigUint64(base + iovecStruct.at.len, BigInt(bytes), true);
    });
    return memory.address + at;
  }
});
