import { closeSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { isHeadgateError } from '../../../../lib/errors/index.ts';
import { AF_INET, SOCK_STREAM, SOL_SOCKET } from '../../../../lib/linux/constants.ts';
import {
  anySlot,
  direct,
  DirectTable,
  encodeSockaddr,
  EBADF,
  ENFILE,
  IORING_CQE_F_MORE,
  packLow,
  POLLIN,
  prepareAcceptDirect,
  prepareAcceptMultishotDirect,
  prepareClose,
  prepareConnect,
  prepareInstall,
  prepareNop,
  preparePoll,
  prepareSetSocketOption,
  prepareSocketDirect,
  unpackKind,
} from '../../../../lib/linux/uring/index.ts';
import {
  collect,
  connectPair,
  makeEvent,
  makeListener,
  makeMemory,
  makeRing,
  openKernelObjects,
  pump,
  resultOf,
  uringTest,
} from './support.ts';

uringTest('sockets of the direct table are no descriptors of the process', (t) => {
  const memory = makeMemory(t);
  const ring = makeRing(t);
  new DirectTable(ring, { slots: 8 });
  const listener = makeListener(t, memory, '127.90.11.1');
  const before = openKernelObjects();
  connectPair(ring, listener, 0, 1);
  t.deepEqual(openKernelObjects(), before);
});

uringTest('a slot is closed and used again', (t) => {
  const ring = makeRing(t);
  new DirectTable(ring, { slots: 1 });
  for (let round = 0; round < 3; round++) {
    prepareSocketDirect(ring.sqe(1, 0), AF_INET, SOCK_STREAM, 0, anySlot);
    t.is(resultOf(ring), 0);
    prepareClose(ring.sqe(2, 0), direct(0));
    t.is(resultOf(ring), 0);
  }
  prepareClose(ring.sqe(2, 0), direct(0));
  t.is(resultOf(ring), -EBADF);
});

uringTest('the kernel leaves reserved slots alone, and a full table is told by ENFILE', (t) => {
  const ring = makeRing(t);
  const table = new DirectTable(ring, { slots: 4, reserved: 2 });
  t.is(table.firstReserved, 2);
  const results: number[] = [];
  for (let round = 0; round < 3; round++) {
    prepareSocketDirect(ring.sqe(1, 0), AF_INET, SOCK_STREAM, 0, anySlot);
    results.push(resultOf(ring));
  }
  t.deepEqual(results, [0, 1, -ENFILE]);
  prepareSocketDirect(ring.sqe(1, 0), AF_INET, SOCK_STREAM, 0, table.firstReserved);
  t.is(resultOf(ring), 0);
});

uringTest(
  'a multishot accept fills slots, ends when none is free, and a reserved slot takes the next client',
  (t) => {
    const memory = makeMemory(t);
    const ring = makeRing(t);
    const table = new DirectTable(ring, { slots: 3, reserved: 1 });
    const listener = makeListener(t, memory, '127.90.11.2');
    const clients = makeRing(t);
    new DirectTable(clients, { slots: 4 });
    const connect = (slot: number): void => {
      clients.reserve(2);
      prepareSocketDirect(clients.sqe(0, 0), AF_INET, SOCK_STREAM, 0, slot).link();
      prepareConnect(clients.sqe(0, 0), direct(slot), listener.sockaddrAt, listener.sockaddrBytes);
      collect(clients, 2);
    };
    prepareAcceptMultishotDirect(ring.sqe(1, 0), listener.fd);
    ring.submit();
    for (let slot = 0; slot < 3; slot++) connect(slot);
    const results: number[] = [];
    let more = true;
    pump(
      ring,
      ({ result, flags }) => {
        results.push(result);
        more = (flags & IORING_CQE_F_MORE) !== 0;
      },
      () => !more,
    );
    t.deepEqual(results, [0, 1, -ENFILE]);
    connect(3);
    prepareAcceptDirect(ring.sqe(2, 0), listener.fd, table.firstReserved);
    t.is(resultOf(ring), 0);
  },
);

uringTest(
  'SO_LINGER 0 on a direct descriptor makes its close a reset',
  async (t) => {
    const server = createServer({ allowHalfOpen: true }).listen(0, '127.90.11.3');
    t.teardown(() => server.close());
    await once(server, 'listening');
    const sockaddr = encodeSockaddr({ host: '127.90.11.3', port: (server.address() as AddressInfo).port });
    const memory = makeMemory(t);
    const ring = makeRing(t);
    new DirectTable(ring, { slots: 1 });
    memory.u8.set(sockaddr);
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    prepareSocketDirect(ring.sqe(1, 0), AF_INET, SOCK_STREAM, 0, 0).link();
    prepareConnect(ring.sqe(2, 0), direct(0), memory.address, sockaddr.length);
    collect(ring, 2);
    const [peer] = await accepted;
    t.teardown(() => peer.destroy());
    const failed = once(peer, 'error') as Promise<[NodeJS.ErrnoException]>;
    const SO_LINGER = 13;
    const lingerAt = 64;
    memory.u32[lingerAt / 4] = 1; // on, for 0 seconds
    ring.reserve(2);
    const option = prepareSetSocketOption(
      ring.sqe(3, 0),
      direct(0),
      SOL_SOCKET,
      SO_LINGER,
      memory.address + lingerAt,
      8,
    );
    option.link();
    prepareClose(ring.sqe(4, 0), direct(0));
    t.deepEqual(
      collect(ring, 2).map(({ result }) => result),
      [0, 0],
    );
    peer.resume();
    t.is((await failed)[0].code, 'ECONNRESET');
  },
  ['socketOptions'],
);

uringTest(
  'a direct descriptor can be given a plain one',
  (t) => {
    const ring = makeRing(t);
    new DirectTable(ring, { slots: 1 });
    prepareSocketDirect(ring.sqe(1, 0), AF_INET, SOCK_STREAM, 0, 0);
    collect(ring, 1);
    const before = openKernelObjects().length;
    prepareInstall(ring.sqe(2, 0), 0);
    const fd = resultOf(ring);
    t.true(fd > 2);
    t.is(openKernelObjects().length, before + 1);
    closeSync(fd);
  },
  ['fixedFdInstall'],
);

uringTest('a plain descriptor is put into a slot and taken out again', (t) => {
  const event = makeEvent(t);
  const ring = makeRing(t);
  const table = new DirectTable(ring, { slots: 4 });
  table.update(2, event.fd);
  event.signal();
  preparePoll(ring.sqe(1, 0), direct(2), POLLIN);
  t.is(resultOf(ring), POLLIN);
  table.remove(2);
  preparePoll(ring.sqe(1, 0), direct(2), POLLIN);
  t.is(resultOf(ring), -EBADF);
  t.true(
    isHeadgateError(
      t.throws(() => table.update(4, event.fd)),
      'HEADGATE_URING_SIZE',
    ),
  );
});

uringTest('more slots than files may be open are refused with the limit', (t) => {
  const ring = makeRing(t);
  const error = t.throws(() => new DirectTable(ring, { slots: 1_048_576 }));
  t.true(isHeadgateError(error, 'HEADGATE_URING_SIZE'));
  t.regex(String(error?.message), /limit of open files, \d+/);
  prepareNop(ring.sqe(packLow(5, 0), 0));
  t.is(unpackKind(collect(ring, 1)[0]!.low), 5, 'the ring still works');
});
