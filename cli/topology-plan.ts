import { loadFrom, planExitCode, planTopology } from '../topology/index.ts';
import type { Command } from './command.ts';
import { parseOptions, usageError } from './options.ts';
import { findFrom, liveView } from './rollout/find-cluster.ts';
import { planText } from './rollout/plan-text.ts';
import { openSharedPlace, sharedDefault } from './rollout/shared-place.ts';

/** Says what a topology would change, before anything does. */
export const topologyPlan: Command = {
  help: `usage: headgate topology plan NEW [--cluster FILE] [--json]
       headgate topology plan OLD NEW [--json]

With NEW alone it is compared with what the running cluster has, and the established connections are counted. The cluster
is found through the nodes in NEW and its secret, or in the file of --cluster. With OLD and NEW nobody is asked.

  --cluster FILE   a topology through which to find the running cluster; default: NEW itself. When nodes take their
                   topology from etcd, its address: etcd://HOST:PORT,…/KEY; default: $HEADGATE_TOPOLOGY if it is one
  --json           one JSON object

Exit codes: 0 no change, 3 changes, 4 connections would be lost.

example: headgate topology plan new.yaml`,
  async run(args, io) {
    const { values, positionals } = parseOptions(args, {
      cluster: { type: 'string' },
      json: { type: 'boolean' },
    });
    const [first, second] = positionals;
    if (first === undefined || positionals.length > 2)
      throw usageError(`expected NEW, or OLD and NEW, got ${positionals.length} files`);
    const { topology } = await loadFrom(second ?? first, io.env);
    let plan;
    if (second === undefined) {
      const place = values.cluster ?? sharedDefault(io) ?? first;
      const cluster = await findFrom(place, first, await openSharedPlace(place, io), io);
      plan = planTopology(cluster.topology, topology, liveView(cluster));
    } else {
      plan = planTopology((await loadFrom(first, io.env)).topology, topology);
    }
    io.out(values.json ? JSON.stringify(plan) : planText(plan));
    return planExitCode(plan);
  },
};
