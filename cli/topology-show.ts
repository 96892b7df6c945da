import { dirname, resolve } from 'node:path';
import { isEtcdAddress } from '../lib/etcd/index.ts';
import { parseFrom, showTopology } from '../topology/index.ts';
import { exitCodes, type Command } from './command.ts';
import { parseOptions, usageError } from './options.ts';
import { findCluster } from './rollout/find-cluster.ts';
import { nodesTable } from './rollout/nodes-table.ts';
import { tellProblems, tellWarnings } from './topology-arguments.ts';

/** Shows what each node runs, or the effective topology of a file. */
export const topologyShow: Command = {
  help: `usage: headgate topology show [--text | --json] [--cluster FILE]
       headgate topology show FILE

Without FILE every node of the running cluster is asked which generation and topology it has; what differs is marked. The
cluster is found by --cluster, $HEADGATE_TOPOLOGY, or a node on this machine. With FILE the effective topology of that file
is printed as YAML, every default written out. No byte of the secret is shown, only where it is.

  --text           the text of the topology the cluster runs, as it was rolled out
  --json           one JSON object: generation, hash, and for each node what it holds
  --cluster FILE   a topology through which to find the running cluster

examples: headgate topology show
          headgate topology show examples/local/topology.yaml`,
  async run(args, io) {
    const { values, positionals } = parseOptions(args, {
      text: { type: 'boolean' },
      json: { type: 'boolean' },
      cluster: { type: 'string' },
    });
    const [file, extra] = positionals;
    if (extra !== undefined) throw usageError(`${JSON.stringify(extra)} is one argument too many`);
    if (file === undefined) {
      const cluster = await findCluster(values.cluster, io);
      const { stamp, topology, nodes } = cluster;
      if (values.text) io.out(cluster.text.replace(/\n$/, ''));
      else if (values.json) {
        const held = nodes.map(({ node, tier, answer, problem }) => ({
          node,
          tier,
          topology: answer?.status.topology ?? null,
          holds: answer?.state ?? null,
          problem,
        }));
        io.out(JSON.stringify({ generation: stamp.generation, topology: topology.hash, nodes: held }));
      } else io.out(nodesTable(cluster));
      return exitCodes.done;
    }
    const result = await parseFrom(file, io.env);
    if (result.topology === undefined) return tellProblems(result.problems, io);
    tellWarnings(result.warnings, io);
    const text = showTopology(result.topology, isEtcdAddress(file) ? resolve('.') : dirname(resolve(file)));
    io.out(`# effective topology of ${file}, hash ${result.topology.hash}\n${text.trimEnd()}`);
    return exitCodes.done;
  },
};
