import test from 'ava';
import { aBalancing, aService } from '../topology-fixture.ts';
import { Client } from './client.ts';
import { Block, chatServers, running } from './running.ts';
import { until } from './until.ts';

const connections = 3_000;
const algorithms = ['round-robin', 'weighted-round-robin', 'least-connections'] as const;

for (const [index, algorithm] of algorithms.entries()) {
  test.serial(
    `${algorithm} spreads 3,000 connections over three servers exactly, through four workers`,
    async (t) => {
      const block = new Block(10 + index);
      const servers = await chatServers(t, block);
      const topology = block.topology(
        { services: [aService({ balancing: aBalancing({ algorithm }) })] },
        { workers: 4 },
      );
      const { node } = await running(t, block, topology);
      const open: Client[] = [];
      t.teardown(() => open.forEach((client) => client.close()));
      let left = connections;
      await Promise.all(
        Array.from({ length: 64 }, async () => {
          while (left-- > 0) {
            const client = await new Client(block.balancer).greeted();
            // Least connections counts those that live; for the others it makes no difference.
            if (algorithm === 'least-connections') open.push(client);
            else client.close();
          }
        }),
      );
      t.is(
        servers.reduce((sum, { accepted }) => sum + accepted, 0),
        connections,
      );
      for (const { accepted, name } of servers)
        t.true(Math.abs(accepted - 1_000) <= 1, `${name}: ${accepted}`);
      await until('all are counted', () => node.status().accepted === connections);
      if (open.length > 0) {
        const busy = node.status().workers!.filter((worker) => worker.connections > 0);
        t.is(busy.length, 4, 'every worker has a part in it');
        t.is(node.status().connections, connections);
      }
      open.forEach((client) => client.close());
      await until('every place is given back', () =>
        node.status().watches.every((one) => one.connections === 0),
      );
      t.is(node.status().counters['badReleases'], 0);
    },
  );
}
