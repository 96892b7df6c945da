/** A whole cluster as its user starts it: one topology file, one process per node of headgate's own. */
import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { createSecretFile } from '../topology/index.ts';
import type { LoopbackBlock } from './loopback-block.ts';
import { startProgram, type Program, type ProgramOptions, type Teardown } from './processes.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** The command as it is installed: `[...headgate, 'topology', 'check', file]`. */
export const headgate: readonly string[] = [
  process.execPath,
  fileURLToPath(new URL('../../bin/headgate.js', import.meta.url)),
];

/** A node, or a service, as the topology file has it. */
export type Entry = Readonly<Record<string, unknown>>;
export type Entries = Readonly<Record<string, Entry>>;

/** The topology file without what is the same in every test. */
export interface ClusterSpec {
  readonly services: Entries;
  readonly directors: Entries;
  readonly balancers: Entries;
  /** Those with a `heartbeat` entry, here and among the balancers, are foreign: the test starts them. */
  readonly chatservers: Entries;
  /** Other top-level keys: `{ grace: '1s' }`. */
  readonly settings?: Entry;
}

/** On one machine: a director, two balancers with a worker each, a chat server. */
export function smallCluster(block: LoopbackBlock): ClusterSpec {
  return {
    services: { chat: { listen: `${block.address(1)}:9000` } },
    directors: { d1: { host: block.address(11) } },
    balancers: { b1: { host: block.address(21), workers: 1 }, b2: { host: block.address(22), workers: 1 } },
    chatservers: { c1: { address: `${block.address(31)}:7000` } },
  };
}

/** Starts a node's process where it belongs; in a lab, on the host of the same name. */
export type StartNode = (name: string, argv: readonly string[], options: ProgramOptions) => Promise<Program>;

export interface Cluster {
  /** Path of the topology file. */
  readonly file: string;
  /** Environment for further headgate commands that shall see this cluster and no other. */
  readonly env: Readonly<Record<string, string>>;
  /** The process of a node that was started. */
  node(name: string): Program;
  /** Starts a node of the topology file, again if need be; resolves once it is ready. */
  start(name: string): Promise<Program>;
  /** Replaces the topology file at once, as an editor does. New nodes are for the caller to start. */
  rewrite(spec: ClusterSpec): Promise<void>;
}

/** How a server that is not headgate's own is asked whether it lives: `heartbeat: foreign`. */
export const foreign = { probe: 'tcp' } as const;

const commands = { directors: 'director', balancers: 'balancer', chatservers: 'chatserver-stub' } as const;
const tiers = Object.keys(commands) as (keyof typeof commands)[];

/** Eleven processes that start side by side on two cores take their time. */
const startTimeoutMs = 45_000;

/** Where the nodes take their topology from, instead of the file; called before they start. */
export type PlaceTopology = (
  cluster: Pick<Cluster, 'file' | 'env'> & { readonly folder: string },
) => Promise<string>;

/** Writes the topology and a secret, and starts every node that is not foreign; resolves once all are ready. */
export async function startCluster(
  t: Teardown,
  spec: ClusterSpec,
  startNode: StartNode = (_name, argv, options) => startProgram(t, argv, options),
  placeTopology?: PlaceTopology,
): Promise<Cluster> {
  const folder = await temporaryFolder(t, { 'topology.yaml': topologyOf(spec) });
  const file = path.join(folder, 'topology.yaml');
  const env = { HEADGATE_RUNTIME_DIR: path.join(folder, 'run') };
  await createSecretFile(path.join(folder, 'cluster.key'));
  const place = (await placeTopology?.({ file, env, folder })) ?? file;
  const started = new Map<string, Program>();
  let current = spec;

  const start = async (name: string): Promise<Program> => {
    const tier = tiers.find((each) => name in current[each]);
    if (tier === undefined) throw new Error(`no node ${name} in the topology`);
    const argv = [...headgate, commands[tier], '--topology', place, '--node', name];
    const program = await startNode(name, argv, { env, ...(place !== file && { cwd: folder }) });
    started.set(name, program);
    await program.line(new RegExp(`${name} is ready`), { timeoutMs: startTimeoutMs });
    return program;
  };
  const own = tiers
    .flatMap((tier) => Object.entries(spec[tier]))
    .filter(([, entry]) => !('heartbeat' in entry));
  await Promise.all(own.map(([name]) => start(name)));

  return {
    file,
    env,
    start,
    node(name) {
      const program = started.get(name);
      if (program === undefined) throw new Error(`node ${name} was not started`);
      return program;
    },
    async rewrite(changed) {
      current = changed;
      await writeFile(`${file}.new`, topologyOf(changed));
      await rename(`${file}.new`, file);
    },
  };
}

function topologyOf({ settings, ...sections }: ClusterSpec): string {
  const file = {
    version: 1,
    cluster: 'test',
    secret: { file: './cluster.key' },
    hashKey: '000102030405060708090a0b0c0d0e0f',
    ...settings,
    ...sections,
  };
  return stringify(file, { aliasDuplicateObjects: false });
}
