/** Carries out one step on the running cluster, and checks what is promised for it. */
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning } from '../../test/processes.ts';
import { until } from '../../test/until.ts';
import { crowdSize, type Crowd } from './people.ts';
import { patienceMs, type Stage } from './stage.ts';
import type { Step } from './steps.ts';
import type { World } from './world.ts';

/** What a step came to: the world after it, and what of the promises did not hold. */
export interface Outcome {
  readonly world: World;
  readonly problems: readonly string[];
}

/** Resolves when the cluster is calm again. */
export async function carryOut(step: Step, world: World, stage: Stage, crowd: Crowd): Promise<Outcome> {
  switch (step.do) {
    case 'change':
      await stage.rewrite(step.world);
      return { world: step.world, problems: [] };
    case 'break-file':
      return { world, problems: await breakFile(stage, step.line) };
    case 'reload':
      stage.node(step.node).signal('SIGHUP');
      return { world, problems: [] };
    case 'kill-balancer':
    case 'kill-worker':
      return { world, problems: await killBalancer(step.do, step.node, stage, crowd) };
    case 'kill-director':
      if (stage.proxied() > 0) await renew(stage, crowd);
      await killDirector(step.awayMs, stage);
      return { world, problems: [] };
    case 'pause':
      await pause(stage, step.node, step.forMs);
      return { world, problems: [] };
    case 'cut-off':
      await stage.lab.cutOff(step.node);
      await sleep(step.forMs);
      await stage.lab.heal(step.node);
      return { world, problems: [] };
    case 'new-crowd':
      await renew(stage, crowd);
      return { world, problems: [] };
  }
}

/** An invalid file replaces nothing (promise 4). */
async function breakFile(stage: Stage, line: string): Promise<string[]> {
  const topologyOf = async (): Promise<string | undefined> => (await stage.statuses()).get('d1')?.topology;
  const before = await until(topologyOf, 'd1 to answer');
  const good = await readFile(stage.file, 'utf8');
  const d1 = stage.node('d1');
  const from = d1.nextLine;
  await writeFile(stage.file, `${good}${line}\n`);
  await d1.line(/the changed topology is not used/, { from, timeoutMs: patienceMs });
  const meanwhile = await until(topologyOf, 'd1 to answer');
  await writeFile(stage.file, good);
  await d1.line(/topology is unchanged/, { from, timeoutMs: patienceMs });
  return meanwhile === before ? [] : [`an invalid file replaced topology ${before} by ${meanwhile}`];
}

/** Its clients alone are told, and come back (promises 1 and 7). */
async function killBalancer(
  what: 'kill-balancer' | 'kill-worker',
  node: string,
  stage: Stage,
  crowd: Crowd,
): Promise<string[]> {
  const status = (await stage.untilCounted(crowdSize)).get(node);
  if (status === undefined) throw new Error(`${node} does not say what it carries`);
  const bereaved = status.connections;
  const lostBefore = (await crowd.report()).lost.expected;
  await crowd.expectLosses(true);
  if (what === 'kill-balancer') {
    stage.node(node).signal('SIGKILL');
    await stage.node(node).exited;
  } else {
    const [worker] = status.workers ?? [];
    if (worker === undefined) throw new Error(`${node} has no worker`);
    process.kill(worker.pid, 'SIGKILL');
    await until(() => !isRunning(worker.pid), 'the worker to be gone');
  }
  const lost = async (): Promise<number> => (await crowd.report()).lost.expected - lostBefore;
  await until(async () => (await lost()) >= bereaved, {
    describe: `the ${bereaved} clients of ${node} to be told`,
    timeoutMs: patienceMs,
  });
  await crowd.allBack();
  await crowd.expectLosses(false);
  const all = await lost();
  return all === bereaved
    ? []
    : [`${what} ${node}: it had ${bereaved} clients, ${all} lost their connection`];
}

/** Everybody leaves, and comes back as a new client. */
async function renew(stage: Stage, crowd: Crowd): Promise<void> {
  await crowd.settle();
  await crowd.leave();
  await stage.untilCounted(0);
  await crowd.arrive();
}

/** Packets in the kernel do not wait for the director (promise 8); connections that it carried itself would end with it. */
async function killDirector(awayMs: number, stage: Stage): Promise<void> {
  const proxied = stage.proxied();
  if (proxied > 0) throw new Error(`d1 carries ${proxied} connections itself`);
  const d1 = stage.node('d1');
  d1.signal('SIGKILL');
  await d1.exited;
  await sleep(awayMs);
  await stage.startNode('d1');
}

/** Stops the node's own process; workers of a balancer go on. */
async function pause(stage: Stage, node: string, forMs: number): Promise<void> {
  const program = stage.node(node);
  program.signal('SIGSTOP');
  try {
    await sleep(forMs);
  } finally {
    program.signal('SIGCONT');
  }
}
