import { availableParallelism } from 'node:os';
import { HeadgateError } from '../lib/errors/index.ts';
import { getrlimitNofile, linuxAvailable, sharedMemoryAvailable, somaxconn } from '../lib/linux/index.ts';
import { createRelayFor, engineLimit, preferredEngine, requireEngine } from '../lib/relay/index.ts';
import { SharedMemory } from '../lib/shared-memory/index.ts';
import { prettyLine, standardOutput, type StartTier, type TierContext } from '../node/index.ts';
import { hostParts, type HostParts } from './host-parts.ts';
import { PickTable } from './pick-table.ts';
import { refuseTakenPorts } from './port-check.ts';
import { requireLocal } from './require-local.ts';
import { Steering } from './steering/index.ts';
import { Supervisor } from './supervisor.ts';
import { forkWorker, type WorkerOutput } from './worker-process.ts';
import { planWorkers } from './worker-plan.ts';
import { listenBacklog, workerServices } from './worker-services.ts';

/** Open files a process may have where that cannot be asked: what most systems allow at least. */
const usualDescriptors = 1_024;

/** Starts the balancer `context.node`. Throws HEADGATE_BALANCER_* and what the workers could not open (HEADGATE_RELAY_*). */
export const startBalancer: StartTier = (context) =>
  startSupervisor(context, context.logFormat === 'pretty' ? writePretty : 'inherit');

function writePretty(line: string): void {
  standardOutput().write(`${prettyLine(line)}\n`);
}

/**
 * As `startBalancer`, with the workers' log going where `output` says. `sharing: false` has the workers ask the
 * supervisor for each connection, as where memory cannot be shared.
 */
export async function startSupervisor(
  context: TierContext,
  output: WorkerOutput,
  host?: HostParts,
  { sharing = true }: { readonly sharing?: boolean } = {},
): Promise<Supervisor> {
  const { topology, node, log, clock } = context;
  const me = topology.balancers.find(({ name }) => name === node);
  if (me === undefined) throw new HeadgateError('HEADGATE_BALANCER_UNKNOWN', `no balancer is named ${node}`);
  const linux = linuxAvailable();
  if (!linux.available) {
    log.warn({ why: linux.reason }, 'one worker with a plain listener: sharing a port needs Linux and koffi');
  }
  warnOfShortQueue(context);
  await requireLocal(me.sources, node);
  await refuseTakenPorts(
    workerServices(topology, me, { directorHosts: [], atVip: new Set() }).map(({ endpoint }) => endpoint),
    clock,
  );

  const engine = createRelayFor(preferredEngine(me.engine));
  requireEngine(engine);
  log.info(engine.reason);
  const { workers, workerLimit, limit, missing } = planWorkers({
    engine: engine.engine,
    workers: me.workers,
    maxConnections: me.maxConnections,
    cores: availableParallelism(),
    workerMost: engineLimit(engine.engine, getrlimitNofile()?.soft ?? usualDescriptors),
    canShare: linux.available,
  });
  log.info(`carries up to ${limit} connections: ${workers} workers with ${workerLimit} each`);
  if (missing > 0) {
    log.warn(`maxConnections asks for ${missing} connections more; raise the limit of open files or workers`);
  }
  const { steering, choice: steered } = Steering.create(workers);
  log.info(steered.reason);
  const memory = sharing ? pickMemory(context, workers) : undefined;
  const secretVariable = 'env' in topology.secret ? topology.secret.env : undefined;
  const supervisor = new Supervisor(context, me, {
    workers,
    workerLimit,
    engine,
    steering,
    steered,
    reusePort: linux.available,
    spawn: () =>
      forkWorker(output, secretVariable, [
        ...(memory === undefined ? [] : [memory.fd]),
        ...(steering?.descriptors ?? []),
      ]),
    memory,
    ...(host ?? hostParts(context, me.host)),
  });
  try {
    await supervisor.started();
  } catch (error) {
    await supervisor.close();
    throw error;
  }
  return supervisor;
}

function warnOfShortQueue({ log }: TierContext): void {
  const queue = somaxconn();
  if (queue === undefined || queue >= listenBacklog) return;
  log.warn(
    `net.core.somaxconn is ${queue}, below the listeners' backlog of ${listenBacklog}; ` +
      `run sysctl -w net.core.somaxconn=${listenBacklog}`,
  );
}

/** Memory for the picks, shared with the workers; undefined where there is none, and the supervisor picks for them. */
function pickMemory({ log }: TierContext, workers: number): SharedMemory | undefined {
  const { available, reason } = sharedMemoryAvailable();
  if (available) return SharedMemory.create('headgate-picks', PickTable.bytes(workers));
  log.warn(
    { why: reason },
    'no memory shared with the workers: they ask for each connection, and no client waits',
  );
  return undefined;
}
