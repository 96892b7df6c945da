import { closeSync } from 'node:fs';
import test from 'ava';
import {
  IPPROTO_TCP,
  isSyscallError,
  linuxAvailable,
  listeningSocket,
  localEndpoint,
  setSocketOption,
  TCP_KEEPIDLE,
} from '../../../lib/linux/index.ts';
import { decodeSockaddr, encodeSockaddr } from '../../../lib/linux/uring/index.ts';

const linux = linuxAvailable();
const kernelTest = linux.available ? test : test.skip;
if (!linux.available) test(`no system calls here: ${linux.reason}`, (t) => t.pass());

for (const host of ['127.91.0.1', '::1', '0.0.0.0', '::']) {
  kernelTest(`a socket bound to ${host} tells its address and the port it was given`, (t) => {
    const fd = listeningSocket({ endpoint: { host, port: 0 }, reusePort: false, backlog: 1 });
    const endpoint = localEndpoint(fd);
    closeSync(fd);
    t.is(endpoint.host, host);
    t.true(endpoint.port > 0);
  });
}

kernelTest('what is no socket has no local end, and an option out of range is told', (t) => {
  t.true(
    isSyscallError(
      t.throws(() => localEndpoint(0xffff)),
      'EBADF',
    ),
  );
  const fd = listeningSocket({ endpoint: { host: '127.91.0.1', port: 0 }, reusePort: false });
  t.notThrows(() => setSocketOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60));
  t.true(
    isSyscallError(
      t.throws(() => setSocketOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, 0)),
      'EINVAL',
    ),
  );
  closeSync(fd);
});

test('endpoints survive the kernel form, wherever it begins', (t) => {
  for (const endpoint of [
    { host: '192.0.2.200', port: 65_535 },
    { host: '2001:db8::a:1', port: 1 },
    { host: '::', port: 443 },
  ]) {
    const sockaddr = encodeSockaddr(endpoint);
    t.deepEqual(decodeSockaddr(sockaddr), endpoint);
    t.deepEqual(decodeSockaddr(Buffer.concat([Buffer.alloc(5, 0xff), sockaddr]), 5), endpoint);
  }
  const mapped = encodeSockaddr({ host: '2001:db8::1', port: 7 });
  mapped.set([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1], 8);
  t.deepEqual(decodeSockaddr(mapped), { host: '10.0.0.1', port: 7 });
  t.is(decodeSockaddr(Buffer.alloc(28)), undefined);
});
