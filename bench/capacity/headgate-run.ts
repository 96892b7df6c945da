/** The whole run over headgate itself. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeStatus, statusOf, untilState, viewsOf } from '../../test/system/cluster-view.ts';
import { until } from '../../test/until.ts';
import { BenchCluster, type RunOptions } from './cluster.ts';
import { Loads } from './loads.ts';
import { planRun } from './plan.ts';
import type { Progress } from './progress.ts';
import type { Findings, RunResult } from './result.ts';
import { patienceMs, Run, type RunSettings } from './run.ts';
import { Stack } from './stack.ts';

/** The rest connects while a balancer is added. */
const firstShare = 0.95;
/** Longer than a process takes to start on a busy machine. */
const growthSeconds = 20;
/** A new balancer accepts no more than so many from the director and from who asks for its status. */
const controlConnections = 4;
const renewShare = 0.02;
const statusSeconds = 5;

export async function runHeadgate(
  connections: number,
  settings: RunSettings,
  options: RunOptions,
  progress: Progress,
): Promise<RunResult> {
  const stack = new Stack();
  try {
    const plan = planRun(connections);
    progress.part(
      `${plan.clients.length} client hosts, 1 director (${options.forwarding}), ${plan.balancers.length - 1} balancers, ${plan.servers.length} chat servers`,
    );
    const { lab, cluster } = await BenchCluster.start(stack, plan, options);
    const loads = await Loads.start(lab, plan.clients);
    for (const { name } of [...plan.balancers.slice(0, -1), ...plan.servers])
      await untilState(cluster, name, 'up');
    const run = new Run(loads, cluster, settings, progress);
    const result = await measure(cluster, run, options);
    await loads.end();
    if (result.faults.length > 0) for (const text of cluster.complaints()) progress.note(text);
    return result;
  } finally {
    await stack.undo();
  }
}

async function measure(cluster: BenchCluster, run: Run, options: RunOptions): Promise<RunResult> {
  const { plan } = cluster;
  const about = {
    name: `headgate, ${options.forwarding}`,
    connections: plan.connections,
    processes: {
      director: 1,
      balancers: plan.balancers.length,
      'chat servers': plan.servers.length,
      clients: plan.clients.length,
    },
  };
  return run.conclude(about, async (found) => {
    Object.assign(found, await run.establish(firstShare));
    found.idleCpu = await run.idle();
    found.talk = await run.talk(found.idleCpu);
    found.push = await run.push();
    found.status = await askStatus(cluster, run);
    found.growth = await grow(cluster, run);
    found.kill = await run.killServer();
    found.drain = await drainBalancer(cluster, run);
  });
}

/** Adds a balancer while clients connect. */
async function grow(cluster: BenchCluster, run: Run): Promise<NonNullable<Findings['growth']>> {
  const { loads } = run;
  await run.part('a balancer is added while the rest connects');
  const begun = performance.now();
  const rest = loads.countTo(1) - loads.countTo(firstShare);
  await loads.connect(firstShare, 1, Math.min(rest / growthSeconds, run.settings.perSecond));
  await loads.takeGap();
  const { pid } = await cluster.addBalancer();
  const msToReady = performance.now() - begun;
  await until(() => acceptedIn(pid) > controlConnections, {
    describe: 'the new balancer to have clients',
    timeoutMs: patienceMs(cluster.plan.connections),
    everyMs: 5,
  });
  const msToFirstConnection = performance.now() - begun;
  const goal = loads.countTo(1);
  await run.awaitClients(({ live }) => live === goal, 'the rest to be logged in');
  return {
    msToReady,
    msToFirstConnection,
    talk: await run.latency(),
    longestGapMs: await loads.takeGap(),
  };
}

/** Asks all nodes for their status as fast as they answer. */
async function askStatus(cluster: BenchCluster, run: Run): Promise<NonNullable<Findings['status']>> {
  await run.part('everybody is asked for the status, over and over');
  await run.latency();
  await run.loads.takeGap();
  const end = performance.now() + statusSeconds * 1_000;
  let asked = 0;
  for (; performance.now() < end; asked++) await statusOf(cluster);
  return { asked, talk: await run.latency(), longestGapMs: await run.loads.takeGap() };
}

/**
 * Connections accepted in the network namespace of this process (TCP PassiveOpens of RFC 4022). The list of its sockets would
 * take the kernel seconds to walk: it is one table for all namespaces.
 */
function acceptedIn(pid: number): number {
  const [names, values] = readFileSync(`/proc/${pid}/net/snmp`, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('Tcp:'))
    .map((line) => line.split(' '));
  return Number(values![names!.indexOf('PassiveOpens')]);
}

/** Drains the first balancer while clients come anew. */
async function drainBalancer(cluster: BenchCluster, run: Run): Promise<NonNullable<Findings['drain']>> {
  const { loads } = run;
  const { name } = cluster.plan.balancers[0]!;
  await run.part(`${name} drains`);
  // Who leaves cannot answer; talking goes on afterwards.
  await loads.quiet();
  const begun = performance.now();
  await cluster.drain(name);
  await until(
    async () => {
      const views = viewsOf(await statusOf(cluster), name);
      return views.length > 0 && views.every(({ draining }) => draining);
    },
    { describe: `the director to know that ${name} drains`, timeoutMs: patienceMs(cluster.plan.connections) },
  );
  const msToDrain = performance.now() - begun;
  const accepted = await acceptedBy(cluster, name);
  const { established } = await loads.counts();
  const renewed = await loads.renew(
    Math.ceil(cluster.plan.connections * renewShare),
    run.settings.perSecond / 2,
  );
  await run.awaitClients(
    ({ established: now, live }) => now >= established + renewed && live === loads.countTo(1),
    'the clients that came anew to be logged in',
  );
  // Balancers tell their status a little later.
  await sleep(1_000);
  const after = await acceptedBy(cluster, name);
  await loads.take('logins');
  return {
    msToDrain,
    renewed,
    newOnDrained: after.accepted - accepted.accepted,
    keptOnDrained: after.connections,
  };
}

async function acceptedBy(
  cluster: BenchCluster,
  name: string,
): Promise<{ readonly accepted: number; readonly connections: number }> {
  const status = nodeStatus(await statusOf(cluster), name);
  if (status === undefined) throw new Error(`${name} does not answer`);
  return status;
}
