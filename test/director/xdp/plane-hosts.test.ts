/** The director node in dr mode on hosts of a lab; tier 2 are plain servers whose hosts were prepared by hand. */
import { rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { bpfAvailable, mountBpffs, unmountBpffs } from '../../../lib/linux/bpf/index.ts';
import { formatMoment } from '../../../topology/index.ts';
import { foreign, headgate, startCluster, type Cluster, type ClusterSpec } from '../../cluster.ts';
import { createLab, probeLab, type Lab } from '../../lab/index.ts';
import { ownNamespaces, temporaryDirectory } from '../../lib/linux/bpf/own-namespaces.ts';
import { nodeStatus, statusOf, untilState, viewsOf } from '../../system/cluster-view.ts';
import { testUnless } from '../../test-unless.ts';
import { until } from '../../until.ts';

const available = bpfAvailable();
const labTest = testUnless(available.available ? probeLab() : available.reason);

const script = (name: string) => [process.execPath, fileURLToPath(new URL(`${name}.js`, import.meta.url))];
const vip = '10.77.0.100';

/** A bpf file system that all hosts see; pins live as long as it. */
function bpffs(t: ExecutionContext): string {
  const answer = ownNamespaces();
  if (!answer.available) throw new Error(answer.reason);
  const root = temporaryDirectory();
  mountBpffs(root);
  t.teardown(() => {
    unmountBpffs(root);
    rmSync(dirname(root), { recursive: true });
  });
  return root;
}

/** A balancer as dr wants it: owns the VIP without telling anybody. */
async function prepareBalancer(lab: Lab, host: string): Promise<void> {
  await lab.sysctl(host, 'net.ipv4.conf.all.arp_ignore', '1');
  await lab.sysctl(host, 'net.ipv4.conf.all.arp_announce', '2');
  await lab.exec(host, ['ip', 'address', 'add', `${vip}/32`, 'dev', 'lo']);
  const server = await lab.spawn(host, [...script('lab-server'), host]);
  await server.line(/listening/);
}

const balancer = (number: number, more = {}) => ({ host: `10.77.1.${number}`, heartbeat: foreign, ...more });

const first: ClusterSpec = {
  settings: { heartbeat: { interval: '200ms' }, flows: { capacity: 4_096, unconfirmed: 4_096 } },
  services: { chat: { listen: `${vip}:9000`, forwarding: 'dr' } },
  directors: { d1: { host: '10.77.0.1' } },
  balancers: { b1: balancer(1), b2: balancer(2) },
  chatservers: { c1: { address: '10.77.2.1:7000', heartbeat: foreign } },
};

interface Running {
  readonly lab: Lab;
  readonly cluster: Cluster;
  readonly ask: (line: string, answer: RegExp) => Promise<string>;
  /** Runs a headgate command on the director's host. */
  readonly command: (...args: string[]) => Promise<string>;
}

async function start(t: ExecutionContext, spec: ClusterSpec): Promise<Running> {
  const root = bpffs(t);
  const lab = await createLab(t, {
    hosts: {
      client: ['10.77.0.10'],
      d1: ['10.77.0.1', vip],
      b1: ['10.77.1.1'],
      b2: ['10.77.1.2'],
      b3: ['10.77.1.3'],
    },
  });
  await Promise.all(['b1', 'b2', 'b3'].map((host) => prepareBalancer(lab, host)));
  const cluster = await startCluster(t, spec, (name, argv, options) =>
    lab.spawn(name, argv, { ...options, env: { ...options.env, HEADGATE_BPFFS: root } }),
  );
  const clients = await lab.spawn('client', script('lab-clients'));
  return {
    lab,
    cluster,
    async ask(line, answer) {
      const from = clients.nextLine;
      clients.write(line);
      return (await clients.line(answer, { from })).text;
    },
    async command(...args) {
      const env = { ...cluster.env, HEADGATE_BPFFS: root };
      const { stdout, stderr } = await lab.exec('d1', [...headgate, ...args], { env });
      return stdout + stderr;
    },
  };
}

async function untilUp(running: Running, ...names: string[]): Promise<void> {
  for (const name of names) await untilState(running.cluster, name, 'up');
}

labTest(
  'a director in dr mode: kill and restart, added, drained, removed and reweighted balancers move nothing established',
  async (t) => {
    t.timeout(120_000);
    const running = await start(t, first);
    const { cluster, ask, command } = running;
    await untilUp(running, 'b1', 'b2');
    const opened = await ask('open 40', /^opened/);
    t.regex(opened, /b1/);
    t.regex(opened, /b2/);
    t.is(await ask('talk', /^talked/), 'talked 40 ended 0');

    // Nobody is there: packets and new connections go on.
    cluster.node('d1').signal('SIGKILL');
    await cluster.node('d1').exited;
    t.is(await ask('talk', /^talked/), 'talked 40 ended 0');
    t.is((await ask('open 10', /^opened/)).split(' ').length, 11);

    // The next process adopts flows and health: not one new connection is refused meanwhile.
    const second = await cluster.start('d1');
    t.is(await ask('talk', /^talked/), 'talked 50 ended 0');
    t.is((await ask('open 10', /^opened/)).split(' ').length, 11);
    await second.line(/with the tables and flows of the earlier process/);
    await untilUp(running, 'b1', 'b2');
    await until(async () => nodeStatus(await statusOf(cluster), 'd1')?.connections === 60, {
      describe: 'the director to count its flows',
    });

    // b3 comes, b1 drains, b2 weighs more.
    const changed = {
      ...first,
      balancers: { b1: balancer(1, { state: 'drain' }), b2: balancer(2, { weight: 3 }), b3: balancer(3) },
    };
    await cluster.rewrite(changed);
    await untilUp(running, 'b3');
    await until(async () => viewsOf(await statusOf(cluster), 'b1').every(({ draining }) => draining), {
      describe: 'the director to know that b1 drains',
    });
    const later = await ask('open 30', /^opened/);
    t.regex(later, /b3/);
    t.notRegex(later, /b1/);
    t.is(await ask('talk', /^talked/), 'talked 90 ended 0');

    // b1 leaves the topology and keeps what it has, across another restart.
    await cluster.rewrite({ ...first, balancers: { b2: balancer(2), b3: balancer(3) } });
    const isLeaving = async (): Promise<boolean> => {
      const views = viewsOf(await statusOf(cluster), 'b1');
      return views.length > 0 && views.every(({ draining, connections }) => draining && connections > 0);
    };
    await until(isLeaving, { describe: 'b1 to be removed and still have connections' });
    cluster.node('d1').signal('SIGTERM');
    await cluster.node('d1').exited;
    t.is(await ask('talk', /^talked/), 'talked 90 ended 0');
    await cluster.start('d1');
    await until(isLeaving, { describe: 'b1 to be leaving for the next process too' });
    t.is(await ask('talk', /^talked/), 'talked 90 ended 0');

    await until(
      async () => {
        const planes = nodeStatus(await statusOf(cluster), 'd1')?.forwarding?.planes ?? [];
        return planes.some(({ flows }) => flows?.confirmed === 90);
      },
      { describe: 'flows of balancers that cannot confirm to be kept from eviction' },
    );
    const page = await readFile(join('docs', 'counters.md'), 'utf8');
    const sections = /## Director\n[^]*?## Director: the raw plane\n/.exec(page)?.[0] ?? '';
    const explainedCounters = [...sections.matchAll(/^\| `(\w+)`/gm)].map(([, counter]) => counter!);
    const counters = Object.keys(nodeStatus(await statusOf(cluster), 'd1')?.counters ?? {});
    t.deepEqual(explainedCounters.toSorted(), counters.toSorted(), 'docs/counters.md');
    t.regex(await command('status'), /(tcx\)|generic) on eth0, 90 of 4096 flows confirmed/);
    const explained = await command('explain', '10.77.0.10:1');
    t.regex(explained, /service chat \(10\.77\.0\.100:9000\), forwarding: dr/);
    t.regex(explained, /no connection of this client now/);

    // The deadline of a drain is in the file: the next process leaves what b2 has alone until then …
    const drainUntil = async (untilMs: number): Promise<void> => {
      const state = { state: 'drain', drainUntil: formatMoment(untilMs) };
      await cluster.rewrite({ ...first, balancers: { b2: balancer(2, state), b3: balancer(3) } });
    };
    const onB2 = async (): Promise<number> =>
      viewsOf(await statusOf(cluster), 'b2').reduce((sum, { connections }) => sum + connections, 0);
    const held = await onB2();
    t.true(held > 0);
    await drainUntil(Date.now() + 3_600_000);
    await until(async () => viewsOf(await statusOf(cluster), 'b2').every(({ draining }) => draining), {
      describe: 'the director to know that b2 drains',
    });
    cluster.node('d1').signal('SIGKILL');
    await cluster.node('d1').exited;
    await cluster.start('d1');
    await untilUp(running, 'b2', 'b3');
    t.is(await onB2(), held);
    t.is(await ask('talk', /^talked/), 'talked 90 ended 0');
    t.notRegex(await ask('open 10', /^opened/), /b2/);
    // … and the one after that ends it, although the moment came while nobody was there.
    cluster.node('d1').signal('SIGKILL');
    await cluster.node('d1').exited;
    await drainUntil(Date.now() - 1_000);
    await cluster.start('d1');
    await until(async () => (await ask('talk', /^talked/)) === `talked ${100 - held} ended ${held}`, {
      describe: 'the rest of b2 to be ended, and nobody else',
      everyMs: 100,
    });

    cluster.node('d1').signal('SIGTERM');
    await cluster.node('d1').exited;
    const detach = ['director', '--detach', '--topology', cluster.file, '--node', 'd1'];
    t.regex(await command(...detach), /are gone/);
    t.regex(await command(...detach), /nothing to remove/);
  },
);
