/** A new secret for a cluster with people in it, by the command. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { ChatClient } from '../../chatserver-stub/index.ts';
import { headgate, smallCluster, startCluster } from '../cluster.ts';
import { takeLoopbackBlock } from '../loopback-block.ts';
import { startProgram } from '../processes.ts';
import { runHere } from '../run-command.ts';
import { until } from '../until.ts';
import { nodeStatus, statusOf, untilState, untilStatus } from './cluster-view.ts';

test.serial(
  'rotate-secret, killed at every step and run again: nobody is cut off and no heartbeat is missed',
  async (t) => {
    t.timeout(180_000);
    const block = await takeLoopbackBlock(t);
    const cluster = await startCluster(t, {
      ...smallCluster(block),
      settings: { heartbeat: { interval: '1s' } },
    });
    const names = ['b1', 'b2', 'c1', 'd1'];
    for (const name of ['b1', 'b2', 'c1']) await untilState(cluster, name, 'up');
    const clients = Array.from({ length: 8 }, (_, index) => {
      const client = new ChatClient({ host: block.address(1), port: 9000, name: `person${index}` });
      t.teardown(() => client.close());
      return client;
    });
    await until(() => clients.every(({ connected }) => connected), 'everybody to be logged in');
    const keyFile = path.join(path.dirname(cluster.file), 'cluster.key');
    const before = await readFile(keyFile, 'utf8');
    const marks = new Map(names.map((name) => [name, cluster.node(name).nextLine]));

    let looks = 0;
    const missed: string[] = [];
    let isOver = false;
    const watching = (async () => {
      while (!isOver) {
        const { nodes } = await statusOf(cluster);
        looks++;
        for (const { node, status } of nodes)
          for (const seen of status?.watches ?? [])
            if (seen.misses > 0) missed.push(`${seen.node} for ${node}: ${seen.lastFailure}`);
        // A beat comes once a second: a miss is not overlooked.
        await sleep(200);
      }
    })();
    t.teardown(async () => {
      isOver = true;
      await watching;
    });

    const rotate = [...headgate, 'topology', 'rotate-secret', cluster.file];
    for (const line of [/accepts the new secret/, /presents the new secret/, /has dropped the old secret/]) {
      const program = await startProgram(t, rotate, { env: cluster.env });
      await program.line(line);
      program.signal('SIGKILL');
      await program.exited;
    }
    const last = await runHere(['topology', 'rotate-secret', cluster.file], { env: cluster.env });
    t.is(last.code, 0, last.stderr);
    const after = await readFile(keyFile, 'utf8');
    t.regex(after, /^[0-9a-f]{64}\n$/);
    t.not(after, before);
    const id = /uses key id ([0-9a-f]{8}) alone/.exec(last.stdout)?.[1];
    await untilStatus(
      cluster,
      ({ nodes }) =>
        nodes.every(({ status }) => status?.keys?.presented === id && status?.keys?.previous === ''),
      'one key everywhere',
    );
    for (const name of ['b1', 'b2', 'c1']) await untilState(cluster, name, 'up');
    const status = await statusOf(cluster);
    t.true(
      status.nodes.flatMap(({ status: own }) => own?.watches ?? []).every(({ state }) => state === 'up'),
    );
    t.is(nodeStatus(status, 'd1')?.accepted, 8, 'nobody had to come again');
    t.true(clients.every(({ connected }) => connected));
    t.true(looks > 4);
    t.deepEqual(missed, []);
    const lines = names.flatMap((name) =>
      cluster
        .node(name)
        .lines.filter(({ index }) => index >= marks.get(name)!)
        .map(({ text }) => `${name}: ${text}`),
    );
    t.deepEqual(
      lines.filter((text) => /is down|is dead|did not answer|missed/.test(text)),
      [],
    );
    t.false(
      lines.some((text) => text.includes(after.trim()) || text.includes(before.trim())),
      'no secret in a log',
    );
    t.regex((await runHere(['status', '--topology', cluster.file], { env: cluster.env })).stdout, /b2/);
  },
);
