/** A whole cluster as its user starts it: one topology file, one process per node of headgate's own. */
import { chmod, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { outputOf, startProgram, type Program, type Teardown } from '../processes.ts';
import { temporaryFolder } from '../temporary-folder.ts';

/** The command as it is installed. */
const headgate = [process.execPath, fileURLToPath(new URL('../../../bin/headgate.js', import.meta.url))];

/** A node as the topology file has it. */
export type NodeEntry = Readonly<Record<string, unknown>>;

export interface ClusterSpec {
  /** One service, as the topology file has it: `{ listen: '127.0.0.1:9000' }`. */
  readonly service: Readonly<Record<string, unknown>>;
  readonly directors: Readonly<Record<string, NodeEntry>>;
  readonly balancers: Readonly<Record<string, NodeEntry>>;
  readonly chatservers: Readonly<Record<string, NodeEntry>>;
}

export interface Cluster {
  /** Directors and those balancers and chat servers that speak headgate's heartbeat, by name. */
  readonly nodes: ReadonlyMap<string, Program>;
  /** Replaces the topology file at once, as an editor does; new nodes are not started. */
  rewrite(spec: ClusterSpec): Promise<void>;
  /** Starts one node of the topology file. */
  start(name: string): Promise<Program>;
}

/** How a node is asked that is not headgate's own and that the test starts itself: `heartbeat: foreign`. */
export const foreign = { probe: 'tcp' } as const;

const commands = { directors: 'director', balancers: 'balancer', chatservers: 'chatserver-stub' } as const;

/** Resolves once every node of headgate's own is ready; those with a `heartbeat` entry are foreign and the test's to start. */
export async function startCluster(t: Teardown, spec: ClusterSpec): Promise<Cluster> {
  const folder = await temporaryFolder(t, { 'topology.yaml': topologyOf(spec) });
  const file = path.join(folder, 'topology.yaml');
  const env = { XDG_RUNTIME_DIR: folder };
  await chmod(folder, 0o700);
  await outputOf([...headgate, 'topology', 'new-secret', path.join(folder, 'cluster.key')], { env });
  const nodes = new Map<string, Program>();
  let current = spec;

  const start = async (name: string): Promise<Program> => {
    const section = (['directors', 'balancers', 'chatservers'] as const).find(
      (tier) => name in current[tier],
    );
    if (section === undefined) throw new Error(`no node ${name} in the topology`);
    const node = await startProgram(t, [...headgate, commands[section], '--topology', file, '--node', name], {
      env,
    });
    nodes.set(name, node);
    await node.line(new RegExp(`${name} is ready`), { timeoutMs: 45_000 });
    return node;
  };
  const own = [spec.directors, spec.balancers, spec.chatservers].flatMap((tier) => {
    return Object.entries(tier).flatMap(([name, entry]) => ('heartbeat' in entry ? [] : [name]));
  });
  await Promise.all(own.map(start));

  return {
    nodes,
    start,
    async rewrite(changed) {
      current = changed;
      await writeFile(`${file}.new`, topologyOf(changed));
      await rename(`${file}.new`, file);
    },
  };
}

function topologyOf({ service, ...tiers }: ClusterSpec): string {
  const file = {
    version: 1,
    cluster: 'peers',
    secret: { file: './cluster.key' },
    hashKey: '000102030405060708090a0b0c0d0e0f',
    services: { chat: service },
    ...tiers,
  };
  return stringify(file, { aliasDuplicateObjects: false });
}
