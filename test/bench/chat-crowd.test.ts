/** The load and the chat server of the capacity bench, on loopback. */
import net from 'node:net';
import { once } from 'node:events';
import type { ExecutionContext } from 'ava';
import { nowUs } from '../../bench/traffic/chat-lines.ts';
import { ChatCrowd } from '../../bench/traffic/chat-crowd.ts';
import { ChatRoom } from '../../bench/traffic/chat-room.ts';
import { whyNotUring } from '../../lib/linux/uring/index.ts';
import { takeLoopbackBlock, type LoopbackBlock } from '../loopback-block.ts';
import { testUnless } from '../test-unless.ts';
import { until } from '../until.ts';

const ringTest = testUnless(
  whyNotUring(['multishotReceive', 'multishotAccept', 'directDescriptors', 'bind']),
);
const clients = 300;

function room(
  t: ExecutionContext,
  block: LoopbackBlock,
  number: number,
  more: { readonly slotsPerRing?: number } = {},
): ChatRoom {
  const endpoint = { host: block.address(number), port: 7_000 };
  const made = new ChatRoom({ endpoint, name: `c${number}`, slots: 400, users: 1_000, ...more });
  t.teardown(() => made.close());
  return made;
}

function crowd(t: ExecutionContext, host: string, sources: readonly string[], count = clients): ChatCrowd {
  const made = new ChatCrowd({ to: { host, port: 7_000 }, sources, count, firstUser: 100 });
  t.teardown(() => made.close());
  return made;
}

/** Numbers that are not zero after a run in which nothing may go wrong. */
function faultsOf({ counts }: ChatCrowd): object {
  const { refused, endedBeforeWelcome, lostUnexpected, missing, twice, disordered, skipped, errors } = counts;
  const all = { refused, endedBeforeWelcome, lostUnexpected, missing, twice, disordered, skipped, errors };
  return Object.fromEntries(Object.entries(all).filter(([, count]) => count !== 0));
}

ringTest(
  'every client logs in, every message and every push arrives once, from several sources',
  async (t) => {
    const block = await takeLoopbackBlock(t);
    const server = room(t, block, 1);
    const load = crowd(t, block.address(1), [block.address(2), block.address(3)]);
    const { counts } = load;
    load.connect(0, clients, 10_000);
    await until(() => counts.live === clients, 'all clients to be logged in');
    t.is(load.logins.total, clients);

    load.talk(1, 300);
    await until(() => counts.sent > 3 * clients, 'the clients to talk');
    load.quiet();
    await until(() => load.waiting() === 0, 'every message to be delivered');
    t.deepEqual([counts.told, counts.delivered, server.counts.tells], Array(3).fill(counts.sent));
    t.is(load.talks.total, counts.sent);

    for (const seq of [1, 2]) {
      load.expectPush(seq);
      t.is(server.push(seq, nowUs()), clients);
      await until(() => load.deaf() === 0, 'everybody to hear the push');
    }
    t.is(counts.pushesHeard, 2 * clients);

    load.renew(100, 10_000);
    await until(() => counts.established === clients + 100, 'a hundred to come back');
    t.is(counts.left, 100);
    t.is(counts.live, clients);
    await until(() => server.counts.connections === clients, 'the server to have noticed');
    t.deepEqual(faultsOf(load), {});
    t.deepEqual([server.counts.strange, server.counts.disordered, server.counts.strangers], [0, 0, 0]);
  },
);

ringTest('a chat server of several rings fills one after the other and pushes to all', async (t) => {
  const block = await takeLoopbackBlock(t);
  // Not the address of another test: connections that its server ended wait there.
  const server = room(t, block, 11, { slotsPerRing: 128 });
  const load = crowd(t, block.address(11), [block.address(12)]);
  const { counts } = load;
  load.connect(0, clients, 1_000);
  await until(() => counts.live === clients, 'all clients to be logged in');
  load.expectPush(1);
  t.is(server.push(1, nowUs()), clients);
  await until(() => load.deaf() === 0, 'everybody to hear the push');
  load.talk(1, 300);
  await until(() => counts.sent > clients, 'the clients to talk');
  t.true(load.takeGap() > 0);
  load.quiet();
  await until(() => load.waiting() === 0, 'every message to be delivered');
  t.deepEqual(faultsOf(load), {});
});

ringTest('a server that is doomed may lose its clients, another one may not', async (t) => {
  const block = await takeLoopbackBlock(t);
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', (login) => {
      const name = /u\d+/.exec(login.toString())?.[0];
      socket.write(`{"type":"welcome","name":"${name}","server":"c5","people":1}\n`);
    });
  });
  t.teardown(() => void server.close());
  await once(server.listen(7_000, block.address(11)), 'listening');
  const load = crowd(t, block.address(11), [], 10);
  t.teardown(() => sockets.forEach((socket) => socket.destroy()));
  const { counts } = load;
  load.connect(0, 10, 10_000);
  const cut = async (): Promise<void> => {
    await until(() => counts.live === 10, 'all clients to be logged in');
    const before = counts.established;
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    await until(() => counts.established === before + 10, 'all to come back');
  };
  await cut();
  t.deepEqual([counts.lostUnexpected, counts.lostExpected], [10, 0]);
  load.doom(5);
  await cut();
  t.deepEqual([counts.lostUnexpected, counts.lostExpected], [10, 10]);
});

ringTest('what comes twice, out of order or to the wrong client is counted', async (t) => {
  const block = await takeLoopbackBlock(t);
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      for (const line of bytes.toString().trim().split('\n')) {
        const { type, name, id, text } = JSON.parse(line) as Record<string, string>;
        if (type === 'login') {
          socket.write(`{"type":"welcome","name":"${name}","server":"c1","people":1}\n`);
          continue;
        }
        const told = `{"type":"told","from":"u00000100","server":"c1","text":"${text}"}\n`;
        const wrong = told.replace('"text":"0', '"text":"9');
        const delivered = `{"type":"delivered","id":${id}}\n`;
        socket.write(`${wrong}${told}${told}${delivered}${delivered}{"type":"delivered","id":9}\n`);
        socket.write('{"type":"push","seq":3,"at":"0000000000"}\n{"type":"error","code":"bad-text"}\n');
      }
    });
  });
  t.teardown(() => void server.close());
  await once(server.listen(7_000, block.address(21)), 'listening');
  const load = crowd(t, block.address(21), [], 1);
  const { counts } = load;
  load.connect(0, 1, 10_000);
  await until(() => counts.live === 1, 'the client to be logged in');
  load.talk(1, 60);
  await until(() => counts.sent === 1, 'the client to talk');
  load.quiet();
  await until(() => counts.errors === 1, 'the last line');
  const { twice, disordered, told, delivered } = counts;
  t.deepEqual({ twice, disordered, told, delivered }, { twice: 2, disordered: 3, told: 1, delivered: 1 });
});
