/** Ephemeral ports running out, in a network namespace that has twenty of them. */
import { writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { ExecutionContext } from 'ava';
import type { Endpoint } from '../../lib/address/index.ts';
import { ephemeralPorts } from '../../lib/linux/index.ts';
import { ip, ownNamespaces } from '../lib/linux/bpf/own-namespaces.ts';
import { uringMissing } from '../lib/relay/engines.ts';
import { testUnless } from '../test-unless.ts';
import { Director } from './director.ts';
import { Block, chatServers, running, type Running } from './running.ts';
import { connectFrom, type Client } from './client.ts';
import { until } from './until.ts';

const ports = 20;
const directors = [2, 3, 4, 5].map((last) => `127.50.0.${last}`);
const sources = ['127.50.63.8', '127.50.63.9'] as const;

const own = ownNamespaces();
if (own.available) {
  ip('link set lo up');
  writeFileSync('/proc/sys/net/ipv4/ip_local_port_range', '40000 40019');
}
const missing = own.available ? undefined : own.reason;

/** Clients take ports of the same range, each director's address its own. */
function clients(it: Running, count: number): Client[] {
  return Array.from({ length: count }, () =>
    it.client({ from: directors[it.clients.length % directors.length]! }),
  );
}

function served(it: Running): number {
  return it.clients.filter(({ server, ended }) => server !== '' && ended === '').length;
}

async function settle(it: Running): Promise<void> {
  await until('each is served or refused', () =>
    it.clients.every(({ server, ended }) => server !== '' || ended !== ''),
  );
}

async function start(t: ExecutionContext, number: number, engine: 'node' | 'uring', from: readonly string[]) {
  const block = new Block(number);
  await chatServers(t, block, 2);
  const topology = block.topology({}, { workers: 2, engine, sources: from });
  const two = {
    ...topology,
    directors: directors.map((host, index) => ({
      name: `d${index}`,
      host,
      controlPort: 7400,
      interface: undefined,
    })),
    services: topology.services.map((service) => ({ ...service, chatservers: ['c1', 'c2'] })),
    chatservers: topology.chatservers.slice(0, 2),
  };
  return { block, topology: two, it: await running(t, block, two) };
}

for (const [index, engine] of (['node', 'uring'] as const).entries()) {
  const portTest = testUnless(missing ?? (engine === 'uring' ? uringMissing : undefined));

  portTest(
    `${engine}: chat servers to which no port is left are full, and further sources give room`,
    async (t) => {
      t.is(ephemeralPorts(), ports);
      const { it, topology } = await start(t, 63 + index, engine, sources.slice(0, 1));
      const director = await Director.of(t, it);
      clients(it, 2 * ports + 6);
      await settle(it);
      t.is(served(it), 2 * ports);
      t.is(it.counter('portsExhausted'), 0, 'no connect failed: it was foreseen');
      await until('that is counted', () => it.counter('refusedNoPlace') >= 6);
      t.is(await director.readiness(), 'full');
      await until('it is told', () =>
        it.log.some(({ msg }) => String(msg).startsWith('no source port is left')),
      );

      const [balancer] = topology.balancers;
      await it.node.apply({ ...topology, balancers: [{ ...balancer!, sources: [...sources] }] });
      t.is(await director.readiness(), 'serving');
      clients(it, 10);
      await settle(it);
      t.is(served(it), 2 * ports + 10);

      await it.node.apply({ ...topology, balancers: [{ ...balancer!, sources: ['192.0.2.9'] }] });
      t.truthy(it.log.find(({ msg }) => String(msg).includes('192.0.2.9 is not an address of this machine')));
      await clients(it, 1)[0]!.greeted();
    },
  );

  portTest(`${engine}: ports that others use are found out, and the next server is tried`, async (t) => {
    const { it, block } = await start(t, 65 + index, engine, sources.slice(0, 1));
    const others = await Promise.all(Array.from({ length: 8 }, () => occupy(block.server(1), sources[0])));
    t.teardown(() => others.forEach((socket) => socket.destroy()));
    clients(it, 2 * ports - 8);
    await settle(it);
    t.is(served(it), 2 * ports - 8);
    t.true(it.counter('portsExhausted') >= 1);
    t.is(it.counter('picksWithoutUpstream'), 0);
  });
}

function occupy(to: Endpoint, from: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectFrom(from, to);
    socket.once('connect', () => resolve(socket)).once('error', reject);
  });
}
