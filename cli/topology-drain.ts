import { addressesOf, closeSurvey, survey, type SurveyedNode } from '../node/index.ts';
import { formatMoment, setState, type Topology } from '../topology/index.ts';
import { exitCodes, type Command } from './command.ts';
import { durationMs, parseOptions, usageError } from './options.ts';
import type { RunningCluster } from './rollout/find-cluster.ts';
import { watchDrain } from './rollout/watch-drain.ts';
import { wordsAndFile } from './topology-arguments.ts';
import { changeOptions, changeOptionsHelp, changeTopology } from './topology-change.ts';

/** Of `--deadline`, milliseconds: up to a year. */
const deadlineRangeMs = [0, 365 * 86_400_000] as const;

/** Sets a node to drain, and shows how it empties. */
export const topologyDrain: Command = {
  help: `usage: headgate topology drain NAME [--deadline DURATION] [--wait | --no-wait] [options] [FILE]

Writes state: drain. The node gets no new connections and keeps those it has; with --deadline what is left then is closed,
a few at a time. On a terminal the connections that are left are shown until there are none; Ctrl-C ends the view and
not the draining. headgate topology undrain takes it back. FILE defaults to $HEADGATE_TOPOLOGY.

  --deadline DURATION close the rest after this time; written to the file as drainUntil, a moment in UTC
  --wait              wait until it is known that no connection is left, also in a pipe; exit code 1 when Ctrl-C came first
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
    for (const other of ['no-wait', 'file-only'] as const)
      if (values.wait === true && values[other] === true)
        throw usageError(`--wait and --${other} exclude each other`, 'leave one of them out');
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
      asks: values.wait === true,
    };
    const { exitCode, cluster, topology } = await changeTopology(change, values, io);
    const waits = values.wait ?? (io.stdout.isTTY === true && values['no-wait'] !== true);
    if (!waits || cluster === undefined || topology === undefined) return exitCode;
    const look = (): Promise<readonly SurveyedNode[]> => lookAt(topology, cluster);
    const isEmpty = await watchDrain({ name, untilMs, topology, look }, io);
    // Whoever says --wait goes by the exit code; elsewhere the view is for the eye.
    return isEmpty || values.wait !== true ? exitCode : exitCodes.failed;
  },
};

async function lookAt(topology: Topology, { connect }: RunningCluster): Promise<readonly SurveyedNode[]> {
  const nodes = await survey(addressesOf([topology]), connect);
  closeSurvey(nodes);
  return nodes;
}
