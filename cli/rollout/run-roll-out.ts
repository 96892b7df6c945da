/** Rolls out from the command line: plan, progress, outcome. */
import { HeadgateError } from '../../lib/errors/index.ts';
import { isEtcdAddress } from '../../lib/etcd/index.ts';
import { addressesOf, rollOut, type RolloutEvent, type RolloutResult } from '../../node/index.ts';
import { listSome, nearest, planTopology, type Topology } from '../../topology/index.ts';
import type { CommandIo } from '../command.ts';
import { durationMs, usageError } from '../options.ts';
import { liveView, type RunningCluster } from './find-cluster.ts';
import { planText } from './plan-text.ts';

export const rolloutOptions = {
  watch: { type: 'string' },
  skip: { type: 'string', multiple: true },
} as const;

export const rolloutOptionsHelp = `  --watch DURATION    how long health is watched after the switch; worse: rolled back. Default 10s, 0s: not at all
  --skip NODE         leave a node out although it is up; it catches up when it can`;

/** Watching is the default: who wants a change at once can say so. */
const defaultWatchMs = 10_000;

export interface RolloutChoices {
  readonly watchMs: number;
  readonly skip: readonly string[];
  readonly acceptLoss: boolean;
}

/** What the options say, before anybody is asked. Throws HEADGATE_CLI_USAGE. */
export function rolloutChoices(
  { watch, skip }: { readonly watch?: string | undefined; readonly skip?: readonly string[] | undefined },
  acceptLoss = false,
): RolloutChoices {
  return { watchMs: durationMs('watch', watch) ?? defaultWatchMs, skip: skip ?? [], acceptLoss };
}

/** Throws HEADGATE_CLI_USAGE where `skip` names a node that none of the topologies has. */
export function refuseUnknownSkip(skip: readonly string[], topologies: readonly Topology[]): void {
  const names = [...new Set(addressesOf(topologies).map(({ node }) => node))];
  const unknown = skip.find((name) => !names.includes(name));
  if (unknown === undefined) return;
  const meant = nearest(unknown, names);
  const cure = meant === undefined ? `name one of ${listSome(names)}` : `did you mean ${meant}?`;
  throw usageError(`--skip ${unknown}: there is no such node`, cure);
}

/**
 * Plans and rolls out `candidate`. Throws what rollOut throws, HEADGATE_ROLLOUT_WOULD_LOSE, _ROLLED_BACK,
 * _INCOMPLETE, and HEADGATE_CLI_USAGE. Undefined when there was nothing to do.
 */
export async function planAndRollOut(
  cluster: RunningCluster,
  candidate: { readonly topology: Topology; readonly text: string },
  choices: RolloutChoices,
  io: CommandIo,
): Promise<RolloutResult | undefined> {
  refuseOtherPlace(cluster);
  refuseUnknownSkip(choices.skip, [cluster.topology, candidate.topology]);
  const plan = planTopology(cluster.topology, candidate.topology, liveView(cluster));
  io.out(planText(plan));
  if (plan.isEmpty && isUniform(cluster, candidate.topology)) return undefined;
  const lost = plan.connections?.lost ?? 0;
  if (lost > 0 && !choices.acceptLoss)
    throw new HeadgateError('HEADGATE_ROLLOUT_WOULD_LOSE', `${lost} established connections would be closed`);
  const result = await rollOut({
    running: cluster.topology,
    candidate,
    base: cluster.stamp,
    by: cluster.by,
    connect: cluster.connect,
    ...(cluster.shared?.stamp && { stored: cluster.shared.stamp }),
    ...(cluster.shared && { commit: cluster.shared.commit }),
    skip: new Set(choices.skip),
    watchMs: choices.watchMs,
    onEvent: (event) => io.out(eventText(event)),
    signal: io.signal,
  });
  if (result.rolledBack !== undefined) {
    const { why, stamp } = result.rolledBack;
    throw new HeadgateError(
      'HEADGATE_ROLLOUT_ROLLED_BACK',
      `rolled back, as generation ${stamp.generation}: ${why}`,
    );
  }
  if (result.worse !== undefined) io.err(`warning: health is worse than before: ${result.worse}`);
  if (result.late.length > 0)
    throw new HeadgateError('HEADGATE_ROLLOUT_INCOMPLETE', `not switched yet: ${result.late.join(', ')}`);
  io.out(
    `generation ${result.stamp.generation} (${result.stamp.hash}) runs on ${result.switched.length} nodes`,
  );
  return result;
}

/** Nodes that read etcd would be left with a store that says something else than they run. */
function refuseOtherPlace({ nodes, shared }: RunningCluster): void {
  if (shared !== undefined) return;
  for (const { node, answer } of nodes) {
    const place = answer?.status.file;
    if (place === undefined || !isEtcdAddress(place)) continue;
    throw new HeadgateError('HEADGATE_ROLLOUT_PLACE', `${node} takes its topology from ${place}`, {
      cure: `add --cluster ${place}, or set HEADGATE_TOPOLOGY to it`,
    });
  }
}

/** Whether every node that answers, and the place they share, has this already, so that there is nothing to roll out. */
function isUniform({ nodes, shared }: RunningCluster, topology: Topology): boolean {
  if (shared !== undefined && shared.stamp?.hash !== topology.hash) return false;
  return nodes.every(({ answer }) => answer === undefined || answer.status.topology === topology.hash);
}

function eventText(event: RolloutEvent): string {
  switch (event.kind) {
    case 'begins':
      return `generation ${event.stamp.generation} (${event.stamp.hash}) to ${event.nodes} nodes`;
    case 'staged':
      return `  ${event.node} has staged it`;
    case 'switched':
      return `  ${event.node} has switched${event.problem === '' ? '' : `, but: ${event.problem}`}`;
    case 'skipped':
      return `  ${event.node} ${event.why}`;
    case 'late':
      return `  ${event.node} is late: ${event.why}`;
    case 'settled':
      return event.watchMs === 0
        ? 'every node reports it'
        : `every node reports it; watching health for ${event.watchMs / 1_000} s`;
    case 'rolls-back':
      return `health became worse, rolling back: ${event.why}`;
  }
}
