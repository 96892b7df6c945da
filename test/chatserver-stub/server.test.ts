import net from 'node:net';
import test from 'ava';
import { createStartChatServer } from '../../chatserver-stub/index.ts';
import { createControlServer } from '../../lib/control/index.ts';
import { until } from '../until.ts';
import { chatServerEntry, key, linked, quiet, startCluster, Talker, topologyOf } from './helpers.ts';

test('two people on one chat server hear each other, joins and leaves, and who is there', async (t) => {
  const [c1] = await startCluster(t, ['127.60.1.1']);
  const ann = new Talker(t, c1!.endpoint);
  await ann.login('ann');
  const bob = new Talker(t, c1!.endpoint);
  await bob.login('bob');
  await ann.hears({ type: 'joined', name: 'bob', server: 'c1' });

  ann.send({ type: 'say', text: 'hi', id: 1 });
  t.deepEqual(await bob.hears({ type: 'message' }), {
    type: 'message',
    from: 'ann',
    server: 'c1',
    text: 'hi',
  });
  await ann.hears({ type: 'delivered', id: 1 });
  t.deepEqual(ann.all({ type: 'message' }), [], 'nobody hears herself');

  bob.send({ type: 'who' });
  t.deepEqual(await bob.hears({ type: 'who' }), {
    type: 'who',
    people: [
      { name: 'ann', server: 'c1' },
      { name: 'bob', server: 'c1' },
    ],
    total: 2,
    more: false,
  });
  bob.socket.end();
  await ann.hears({ type: 'left', name: 'bob', server: 'c1' });
  t.is(await bob.ended(), 'fin');
});

test('a tell reaches one person, and its sender learns when there is no such person', async (t) => {
  const [c1] = await startCluster(t, ['127.60.1.2']);
  const [ann, bob, eve] = [c1!, c1!, c1!].map(({ endpoint }) => new Talker(t, endpoint));
  await ann!.login('ann');
  await bob!.login('bob');
  await eve!.login('eve');
  ann!.send({ type: 'tell', to: 'bob', text: 'psst', id: 1 });
  t.deepEqual(await bob!.hears({ type: 'told' }), { type: 'told', from: 'ann', server: 'c1', text: 'psst' });
  await ann!.hears({ type: 'delivered', id: 1 });
  ann!.send({ type: 'tell', to: 'zoe', text: 'psst', id: 2 });
  await ann!.hears({ type: 'error', code: 'no-such-person', id: 2 });
  t.deepEqual(eve!.all({ type: 'told' }), []);
});

test('people on different chat servers hear each other and see which server the other is on', async (t) => {
  const servers = await startCluster(t, ['127.60.1.3', '127.60.1.4', '127.60.1.5']);
  await linked(servers);
  const [ann, bob, cy] = servers.map(({ endpoint }) => new Talker(t, endpoint));
  await ann!.login('ann');
  await bob!.login('bob');
  await cy!.login('cy');
  await ann!.hears({ type: 'joined', name: 'cy', server: 'c3' });
  ann!.send({ type: 'say', text: 'hello', id: 1 });
  await bob!.hears({ type: 'message', from: 'ann', server: 'c1', text: 'hello' });
  await cy!.hears({ type: 'message', from: 'ann', server: 'c1', text: 'hello' });
  await ann!.hears({ type: 'delivered', id: 1 });
  cy!.send({ type: 'tell', to: 'bob', text: 'psst', id: 1 });
  await bob!.hears({ type: 'told', from: 'cy', server: 'c3', text: 'psst' });
  await cy!.hears({ type: 'delivered', id: 1 });
  cy!.send({ type: 'tell', to: 'zoe', text: 'psst', id: 2 });
  await cy!.hears({ type: 'error', code: 'no-such-person', id: 2 });
  bob!.send({ type: 'who' });
  await bob!.hears({ type: 'who', total: 3 });
  cy!.socket.destroy();
  await ann!.hears({ type: 'left', name: 'cy', server: 'c3' });
  t.deepEqual(ann!.all({ type: 'message' }), []);
});

test('a message that is sent again is delivered once', async (t) => {
  const servers = await startCluster(t, ['127.60.1.6', '127.60.1.7']);
  await linked(servers);
  const [ann, bob] = servers.map(({ endpoint }) => new Talker(t, endpoint));
  const cy = new Talker(t, servers[0]!.endpoint);
  await ann!.login('ann', 's1');
  await bob!.login('bob');
  await cy.login('cy');
  for (const id of [1, 1, 2, 2, 1]) ann!.send({ type: 'say', text: `text ${id}`, id });
  await ann!.hears({ type: 'delivered' }, 5);
  for (const listener of [bob!, cy]) {
    t.deepEqual(
      listener.all({ type: 'message' }).map((message) => 'text' in message && message.text),
      ['text 1', 'text 2'],
    );
  }
});

test('a name is taken in the whole cluster, and free again when its owner leaves', async (t) => {
  const servers = await startCluster(t, ['127.60.1.8', '127.60.1.9']);
  await linked(servers);
  const [first, second] = servers.map(({ endpoint }) => new Talker(t, endpoint));
  await first!.login('ann');
  second!.send({ type: 'login', name: 'ann' });
  await second!.hears({ type: 'error', code: 'name-taken' });
  await second!.login('bob');
  const third = new Talker(t, servers[1]!.endpoint);
  first!.socket.end();
  await second!.hears({ type: 'left', name: 'ann' });
  await third.login('ann');
  t.pass();
});

test('two who want one name at the same moment: the older claim has it everywhere, the other is told', async (t) => {
  let nowMs = 1_000;
  const servers = await startCluster(t, ['127.60.1.10', '127.60.1.11', '127.60.1.12'], {
    wallClock: () => ++nowMs,
  });
  await linked(servers);
  const observer = new Talker(t, servers[2]!.endpoint);
  await observer.login('observer');
  for (let round = 1; round <= 10; round++) {
    const name = `ann${round}`;
    const [one, two] = [new Talker(t, servers[0]!.endpoint), new Talker(t, servers[1]!.endpoint)];
    one.send({ type: 'login', name });
    two.send({ type: 'login', name });
    const answers = await until(
      () =>
        one.heard.length > 0 && two.heard.length > 0 ? [one.heard[0]!.type, two.heard[0]!.type] : undefined,
      { describe: 'both to be answered', everyMs: 5 },
    );
    t.deepEqual(answers.toSorted(), ['error', 'welcome']);
    const winner = answers[0] === 'welcome' ? 'c1' : 'c2';
    await until(
      async () => {
        const before = observer.all({ type: 'who' }).length;
        observer.send({ type: 'who' });
        const list = await observer.hears({ type: 'who' }, before + 1);
        const found = list.type === 'who' ? list.people.filter((person) => person.name === name) : [];
        return found.length === 1 && found[0]!.server === winner;
      },
      { describe: `the others to see ${name} on ${winner}` },
    );
  }
});

test('the same session takes over its own name, on the same and on another chat server', async (t) => {
  // Each claim finds the clock behind that of the one before, as on hosts whose clocks differ.
  let nowMs = 1_000;
  const servers = await startCluster(t, ['127.60.1.13', '127.60.1.14'], { wallClock: () => --nowMs });
  await linked(servers);
  const bob = new Talker(t, servers[1]!.endpoint);
  await bob.login('bob');
  const ghost = new Talker(t, servers[0]!.endpoint);
  await ghost.login('ann', 'proof');
  const again = new Talker(t, servers[0]!.endpoint);
  await again.login('ann', 'proof');
  await ghost.hears({ type: 'bye', code: 'replaced' });
  t.is(await ghost.ended(), 'fin');
  const elsewhere = new Talker(t, servers[1]!.endpoint);
  await elsewhere.login('ann', 'proof');
  await again.hears({ type: 'bye', code: 'replaced' });
  elsewhere.send({ type: 'say', text: 'it is me', id: 1 });
  await bob.hears({ type: 'message', from: 'ann', server: 'c2', text: 'it is me' });
});

test('garbage and over-long lines are answered and end that connection only', async (t) => {
  const [c1] = await startCluster(t, ['127.60.1.15']);
  const ann = new Talker(t, c1!.endpoint);
  await ann.login('ann');
  const garbage = new Talker(t, c1!.endpoint);
  garbage.send('GET / HTTP/1.1\r\n');
  await garbage.hears({ type: 'bye', code: 'not-json' });
  t.is(await garbage.ended(), 'fin');
  const binary = new Talker(t, c1!.endpoint);
  binary.socket.write(Buffer.from([0xff, 0xfe, 0x0a]));
  await binary.hears({ type: 'bye', code: 'not-json' });
  const long = new Talker(t, c1!.endpoint);
  await long.login('long');
  long.send({ type: 'say', text: 'x'.repeat(5_000) });
  await long.hears({ type: 'bye', code: 'line-too-long' });
  await ann.hears({ type: 'left', name: 'long' });
  const endless = new Talker(t, c1!.endpoint);
  endless.send('x'.repeat(10_000));
  await endless.hears({ type: 'bye', code: 'line-too-long' });
  ann.send({ type: 'say', text: 'still here', id: 1 });
  await ann.hears({ type: 'delivered', id: 1 });
  t.is(c1!.node.status().counters['closedGarbage'], 4);
});

test('messages that break the protocol are refused with a reason and the connection goes on', async (t) => {
  const [c1] = await startCluster(t, ['127.60.1.16']);
  const ann = new Talker(t, c1!.endpoint);
  const refused = async (message: object, code: string): Promise<void> => {
    const before = ann.all({ type: 'error', code }).length;
    ann.send(message);
    await ann.hears({ type: 'error', code }, before + 1);
  };
  await refused({ type: 'say', text: 'hi' }, 'not-logged-in');
  await refused({ type: 'login', name: 'a b' }, 'bad-name');
  await refused({ type: 'login', name: '' }, 'bad-name');
  await refused({ type: 'login', name: 'ann\u202e' }, 'bad-name');
  await refused({ type: 'login', name: 'ann', session: 'no spaces' }, 'bad-message');
  await refused({ type: 'nonsense' }, 'bad-message');
  await refused([], 'bad-message');
  await ann.login('ann');
  await refused({ type: 'login', name: 'bob' }, 'already-logged-in');
  await refused({ type: 'say', text: '' }, 'bad-text');
  await refused({ type: 'say', text: '\u001b[2J' }, 'bad-text');
  await refused({ type: 'say', text: 'x'.repeat(3_600) }, 'bad-text');
  await refused({ type: 'say', text: 'hi', id: 0 }, 'bad-message');
  await refused({ type: 'tell', to: 'a b', text: 'hi' }, 'bad-name');
  ann.send('\r\n\n');
  ann.send({ type: 'ping' });
  await ann.hears({ type: 'pong' });
  t.is(ann.end, undefined);
});

test('a client that never reads is reset when too much waits for it, and counted; others are unharmed', async (t) => {
  const [c1] = await startCluster(t, ['127.60.1.17']);
  const slow = new Talker(t, c1!.endpoint, { read: false });
  slow.send({ type: 'login', name: 'slow' });
  // Several, because one alone is slowed down before the kernel's buffers are full.
  const speakers = Array.from({ length: 6 }, () => new Talker(t, c1!.endpoint));
  for (const [index, speaker] of speakers.entries()) await speaker.login(`speaker${index}`);
  const text = 'x'.repeat(3_000);
  let id = 0;
  await until(
    async () => {
      for (let more = 0; more < 50; more++) {
        id += 1;
        for (const speaker of speakers) speaker.send({ type: 'say', text, id });
      }
      for (const speaker of speakers) await speaker.hears({ type: 'delivered', id });
      return c1!.node.status().counters['closedSlow'] === 1;
    },
    { describe: 'the slow client to be closed', timeoutMs: 40_000 },
  );
  for (const speaker of speakers) await speaker.hears({ type: 'left', name: 'slow' });
  t.deepEqual(
    speakers.map(({ end }) => end),
    speakers.map(() => undefined),
  );
});

test('what a client sends before it ends its side is still answered', async (t) => {
  const servers = await startCluster(t, ['127.60.1.18', '127.60.1.19']);
  await linked(servers);
  const bob = new Talker(t, servers[1]!.endpoint);
  await bob.login('bob');
  const ann = new Talker(t, servers[0]!.endpoint);
  ann.send({ type: 'login', name: 'ann' });
  ann.send({ type: 'say', text: 'hi and bye', id: 1 });
  ann.socket.end();
  t.is(await ann.ended(), 'fin');
  await ann.hears({ type: 'delivered', id: 1 });
  await bob.hears({ type: 'message', from: 'ann', text: 'hi and bye' });
});

test('a PROXY header in front of a client is taken off', async (t) => {
  const [c1] = await startCluster(t, ['127.60.1.20']);
  const ann = new Talker(t, c1!.endpoint);
  ann.send('PROXY TCP4 192.0.2.1 192.0.2.2 1000 2000\r\n');
  await ann.login('ann');
  const bob = new Talker(t, c1!.endpoint);
  bob.socket.write(Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex'));
  await bob.login('bob');
  t.pass();
});

test('the connection after the last that fits is reset and counted, and there is room again afterwards', async (t) => {
  const [c1] = await startCluster(t, ['127.60.1.21'], { mostConnections: 2 });
  const ann = new Talker(t, c1!.endpoint);
  await ann.login('ann');
  const bob = new Talker(t, c1!.endpoint);
  await bob.login('bob');
  const over = new Talker(t, c1!.endpoint);
  t.is(await over.ended(), 'reset');
  t.is(c1!.node.status().counters['refusedFull'], 1);
  t.is(c1!.node.status().connections, 2);
  bob.socket.end();
  await until(() => c1!.node.status().connections === 1, { describe: 'bob to be gone' });
  const cy = new Talker(t, c1!.endpoint);
  await cy.login('cy');
});

test('close tells everybody and ends their connections with FIN; drain waits for the last to leave', async (t) => {
  const servers = await startCluster(t, ['127.60.1.22', '127.60.1.23']);
  await linked(servers);
  const [ann, bob] = servers.map(({ endpoint }) => new Talker(t, endpoint));
  await ann!.login('ann');
  await bob!.login('bob');
  const closing = servers[1]!.node.close();
  await bob!.hears({ type: 'bye', code: 'closing' });
  t.is(await bob!.ended(), 'fin');
  bob!.socket.end();
  await closing;
  await ann!.hears({ type: 'left', name: 'bob' });

  let drained = false;
  const draining = servers[0]!.node.drain().then(() => (drained = true));
  t.true(servers[0]!.node.status().draining);
  await until(
    async () =>
      new Promise<boolean>((resolve) => {
        const socket = net.connect(servers[0]!.endpoint, () => {
          socket.destroy();
          resolve(false);
        });
        socket.on('error', () => resolve(true));
      }),
    { describe: 'the draining server to refuse connections' },
  );
  ann!.send({ type: 'ping' });
  await ann!.hears({ type: 'pong' });
  t.false(drained);
  ann!.socket.end();
  await draining;
  t.true(drained);
});

test('with a push interval everybody logged in is sent something again and again', async (t) => {
  const [c1] = await startCluster(t, ['127.60.1.24'], { pushIntervalMs: 10 });
  const ann = new Talker(t, c1!.endpoint);
  await ann.login('ann');
  await ann.hears({ type: 'push' }, 3);
  t.pass();
});

test('an address that is taken is an error with a cure', async (t) => {
  const [c1] = await startCluster(t, ['127.60.1.25']);
  const control = createControlServer({ key, cluster: 'chat', node: 'c1', log: quiet });
  t.teardown(() => control.close());
  const topology = topologyOf([chatServerEntry('c1', '127.60.1.25', 1, { address: c1!.endpoint })]);
  const context = {
    topology,
    key,
    control,
    log: quiet,
    logFormat: 'json' as const,
    clock: { now: () => 0, after: () => ({ cancel() {} }) },
  };
  const error = await t.throwsAsync(createStartChatServer()({ ...context, node: 'c1' }));
  t.like(error, { code: 'HEADGATE_CHAT_LISTEN' });
  t.regex(String(error?.cause), /EADDRINUSE/);
});
