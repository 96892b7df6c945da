import { once } from 'node:events';
import { bpfAvailable } from '../../lib/linux/bpf/index.ts';
import { listenersAt } from '../lib/relay/kernel-queues.ts';
import { testUnless } from '../test-unless.ts';
import { aService } from '../topology-fixture.ts';
import { Client } from './client.ts';
import { alive, Block, chatServers, running, type Running } from './running.ts';
import { until } from './until.ts';

const bpf = bpfAvailable();
const steeredTest = testUnless(bpf.available ? undefined : bpf.reason);

function loads({ node }: Running): readonly number[] {
  return node.status().workers!.map(({ connections }) => connections);
}

function isEven(counts: readonly number[], workers: number): boolean {
  return counts.length === workers && Math.max(...counts) <= 1.1 * Math.min(...counts);
}

async function greetMany(it: Running, count: number): Promise<void> {
  for (let left = count; left > 0; left -= 50) await it.greeted(Math.min(50, left));
}

steeredTest('workers carry equally many connections, also when one has been replaced', async (t) => {
  const block = new Block(73);
  await chatServers(t, block);
  const it = await running(t, block, block.topology({}, { workers: 3 }));
  t.like(it.node.status(), { spreading: { by: 'load' } });
  await greetMany(it, 600);
  await until('the workers report', () => loads(it).reduce((sum, count) => sum + count, 0) === 600);
  t.true(isEven(loads(it), 3), loads(it).join());
  const [victim] = it.node.status().workers!;
  process.kill(victim!.pid, 'SIGKILL');
  await until('another takes its place', () => {
    const { workers } = it.node.status();
    return workers!.length === 3 && workers!.every(({ pid }) => pid !== victim!.pid);
  });
  // Until it listens the others go on to take all there are.
  await until('it has caught up', async () => {
    await greetMany(it, 25);
    return isEven(loads(it), 3);
  });
});

steeredTest(
  'clients that wait in the accept queue of a worker that dies are served by another',
  async (t) => {
    const block = new Block(74);
    await chatServers(t, block);
    const it = await running(t, block, block.topology({}, { workers: 2 }));
    await greetMany(it, 4);
    const [stuck, other] = it.node.status().workers!;
    process.kill(stuck!.pid, 'SIGSTOP');
    t.teardown(
      () =>
        it.node.status().workers!.some(({ pid }) => pid === stuck!.pid) &&
        process.kill(stuck!.pid, 'SIGKILL'),
    );
    const clients = Array.from({ length: 40 }, () => it.client());
    await until('the living one has taken its part', () => clients.some(({ server }) => server !== ''));
    await until('the others wait', () => clients.filter(({ server }) => server === '').length >= 10);
    process.kill(stuck!.pid, 'SIGKILL');
    await Promise.all(clients.map((client) => client.greeted()));
    t.true(clients.every(({ ended }) => ended === ''));
    t.true(it.node.status().workers!.some(({ pid }) => pid === other!.pid));
  },
);

steeredTest(
  'a service that goes while its clients try again takes no worker out of the others',
  async (t) => {
    const block = new Block(70);
    await chatServers(t, block);
    const irc = aService({ name: 'irc', listen: { host: '127.50.0.1', port: 9001 } });
    const old = { host: block.balancer.host, port: 9001 };
    const it = await running(t, block, block.topology({ services: [aService(), irc] }, { workers: 2 }));
    t.like(it.node.status(), { spreading: { by: 'load' } });
    await greetMany(it, 4);
    await until('the workers report', () => isEven(loads(it), 2));
    // The one whose turn it is closes the listener, the other one comes to it later.
    const [, late] = it.node.status().workers!;
    process.kill(late!.pid, 'SIGSTOP');
    t.teardown(() => alive(late!.pid) && process.kill(late!.pid, 'SIGCONT'));
    const applied = it.node.apply(block.topology({}, { workers: 2 }));
    await until('one has closed it', () => listenersAt(old) === 1);
    for (let retry = 0; retry < 8; retry++) {
      const client = new Client(old);
      t.teardown(() => client.close());
      await once(client.socket, 'connect');
    }
    process.kill(late!.pid, 'SIGCONT');
    await applied;
    await greetMany(it, 100);
    await until('the workers report', () => loads(it).reduce((sum, count) => sum + count, 0) === 104);
    t.true(Math.min(...loads(it)) >= 40, loads(it).join());
  },
);
