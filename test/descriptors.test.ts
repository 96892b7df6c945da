import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { createServer } from 'node:net';
import { devNull } from 'node:os';
import test from 'ava';
import { openDescriptors, openSockets } from './descriptors.ts';

// Serial: the count is of the whole process.
test.serial('an opened file is one descriptor more until it is closed', async (t) => {
  const before = openDescriptors();
  const file = await open(devNull);
  t.is(openDescriptors(), before + 1);
  await file.close();
  t.is(openDescriptors(), before);
});

test.serial('a listening socket is one socket more until it is closed', async (t) => {
  const before = openSockets();
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.is(openSockets(), before + 1);
  server.close();
  await once(server, 'close');
  t.is(openSockets(), before);
});

test('a process that does not exist is an error, not zero descriptors', (t) => {
  t.throws(() => openDescriptors(2 ** 30), { code: 'ENOENT' });
});
