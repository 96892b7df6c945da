import { setTimeout as sleep } from 'node:timers/promises';
import { addressesOf, closeSurvey, survey } from '../node/index.ts';
import { formatMoment, setState, type Tier } from '../topology/index.ts';
import type { Command, CommandIo } from './command.ts';
import { durationMs, parseOptions } from './options.ts';
import { drainLine, withSample, type DrainSample } from './rollout/drain-view.ts';
import type { RunningCluster } from './rollout/find-cluster.ts';
import { wordsAndFile } from './topology-arguments.ts';
import { changeOptions, changeOptionsHelp, changeTopology, type Changed } from './topology-change.ts';

const refreshMs = 1_000;
/** In a pipe a line is written at most this often, and only when the number has changed. */
const pipeRefreshMs = 10_000;
/** Of `--deadline`, milliseconds: up to a year. */
const deadlineRangeMs = [0, 365 * 86_400_000] as const;
const tiers: readonly Tier[] = ['balancer', 'chatserver'];

/** Sets a node to drain, and shows how it empties. */
export const topologyDrain: Command = {
  help: `usage: headgate topology drain NAME [--deadline DURATION] [--wait | --no-wait] [options] [FILE]

Writes state: drain. The node gets no new connections and keeps those it has; with --deadline what is left then is closed,
a few at a time. On a terminal the connections that are left are shown until there are none; Ctrl-C ends the view and
not the draining. headgate topology undrain takes it back. FILE defaults to $HEADGATE_TOPOLOGY.

  --deadline DURATION close the rest after this time; written to the file as drainUntil, a moment in UTC
  --wait              wait until no connection is left, also in a pipe
  --no-wait           do not wait

${changeOptionsHelp}

example: headgate topology drain b2 --deadline 30m examples/local/topology.yaml`,
  async run(args, io) {
    const { values, positionals } = parseOptions(args, {
      ...changeOptions,
      deadline: { type: 'string' },
      wait: { type: 'boolean' },
      'no-wait': { type: 'boolean' },
    });
    const { words, file } = wordsAndFile(positionals, ['NAME'], io);
    const [name = ''] = words;
    const deadlineMs = durationMs('deadline', values.deadline, deadlineRangeMs);
    // Whole seconds: that is how people read a moment.
    const untilMs =
      deadlineMs === undefined ? undefined : Math.ceil((Date.now() + deadlineMs) / 1_000) * 1_000;
    const until = untilMs === undefined ? undefined : formatMoment(untilMs);
    const change = {
      file,
      edit: (text: string) => setState(text, name, 'drain', file, until),
      done: `${name} drains${until === undefined ? '' : ` until ${until}`}`,
      acceptLoss: true,
    };
    const changed = await changeTopology(change, values, io);
    const waits = values.wait === true || (io.stdout.isTTY === true && values['no-wait'] !== true);
    if (waits && changed.cluster !== undefined) await watchDrain(name, untilMs, changed, io);
    return changed.exitCode;
  },
};

async function watchDrain(
  name: string,
  untilMs: number | undefined,
  { cluster, topology }: Changed,
  io: CommandIo,
): Promise<void> {
  if (cluster === undefined || topology === undefined) return;
  const addresses = addressesOf([topology]);
  let samples: readonly DrainSample[] = [];
  let toldMs = -Infinity;
  let told = -1;
  while (!io.signal.aborted) {
    const connections = await connectionsOf(name, addresses, cluster);
    const atMs = performance.now();
    samples = withSample(samples, { atMs, connections });
    const line = drainLine(name, samples, Date.now(), untilMs);
    if (io.stdout.isTTY === true) io.stdout.write(`\r\u001B[K${line}`);
    else if (connections !== told && (connections === 0 || atMs - toldMs >= pipeRefreshMs)) {
      io.out(line);
      toldMs = atMs;
      told = connections;
    }
    if (connections === 0) break;
    await sleep(refreshMs, undefined, { signal: io.signal }).catch(() => undefined);
  }
  if (io.stdout.isTTY === true) io.stdout.write('\n');
  if (io.signal.aborted) io.out(`${name} goes on draining; headgate topology undrain ${name} takes it back`);
}

/** As those see it who send connections there: the node itself may be a foreign one. */
async function connectionsOf(
  name: string,
  addresses: ReturnType<typeof addressesOf>,
  { connect }: RunningCluster,
): Promise<number> {
  const nodes = await survey(addresses, connect);
  closeSurvey(nodes);
  const own = nodes.find(({ node }) => node === name)?.answer?.status.connections ?? 0;
  const seen = nodes
    .flatMap(({ answer }) => answer?.status.watches ?? [])
    .filter(({ node, tier }) => node === name && tiers.includes(tier))
    .reduce((sum, { connections }) => sum + connections, 0);
  return Math.max(own, seen);
}
