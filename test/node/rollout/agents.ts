/** Nodes that hold topologies and do nothing else: real agents and control servers on loopback, with made-up tiers. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { systemClock } from '../../../lib/clock/index.ts';
import { ControlKey, createControlServer, type Json } from '../../../lib/control/index.ts';
import {
  connectWith,
  rollOut,
  type ConnectNode,
  type NodeStatus,
  type RolloutOptions,
} from '../../../node/index.ts';
import { controlEndpoints } from '../../../node/control-endpoints.ts';
import { RolloutAgent } from '../../../node/rollout/agent.ts';
import { holdingStore } from '../../../node/rollout/store.ts';
import { startTopology } from '../../../node/start-topology.ts';
import { fileSource, parseTopology, readSecret, type Topology } from '../../../topology/index.ts';
import { memoryLog, type LogLine } from '../../lib/control/helpers.ts';
import type { LoopbackBlock } from '../../loopback-block.ts';
import { temporaryFolder } from '../../temporary-folder.ts';
import { until } from '../../until.ts';

/** 32 bytes nobody uses. */
const secret = '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff';

export const names = ['b1', 'b2', 'c1', 'c2', 'd1'] as const;

/** A director, two balancers and two chat servers; `change` is put into the text, to make another. */
export function textOf(
  block: LoopbackBlock,
  change: { readonly weight?: number; readonly extra?: string } = {},
): string {
  return `# of one host
version: 1
cluster: test
secret: { file: ./cluster.key }
hashKey: 000102030405060708090a0b0c0d0e0f
heartbeat: { interval: 100ms }
services:
  chat: { listen: "${block.address(1)}:9000" }
directors:
  d1: { host: ${block.address(11)} }
balancers:
  b1: { host: ${block.address(21)}, weight: ${change.weight ?? 1} }
  b2: { host: ${block.address(22)} }
${change.extra ?? ''}chatservers:
  c1: { address: "${block.address(31)}:7000" }
  c2: { address: "${block.address(32)}:7000" }
`;
}

export function meaning(text: string, file = 'topology.yaml'): Topology {
  const { topology } = parseTopology(text, file);
  if (topology === undefined) throw new Error('the text is not valid');
  return topology;
}

export interface TestNode {
  readonly name: string;
  readonly file: string;
  readonly lines: readonly LogLine[];
  readonly agent: RolloutAgent;
  /** Every topology its tier was given, the first one included. */
  readonly applied: Topology[];
  /** What its tier says to a topology in phase one. */
  check: (topology: Topology) => void | Promise<void>;
  /** What its tier does with a topology. */
  carryOut: (topology: Topology) => void;
  /** Part of its status. */
  status: Partial<NodeStatus>;
  close(): Promise<void>;
}

export interface TestCluster {
  readonly nodes: ReadonlyMap<string, TestNode>;
  readonly connect: ConnectNode;
  readonly key: ControlKey;
  node(name: string): TestNode;
  /** Starts a node again, or one that a topology added, with `text` in its file if that is given. */
  start(name: string, text?: string): Promise<TestNode>;
  apply(text: string, options?: Partial<RolloutOptions>): ReturnType<typeof rollOut>;
  /** Waits until every node that runs has this generation and topology. */
  agreed(generation: number, hash: string): Promise<void>;
}

/** Every node has its own folder, as on hosts of their own. */
export async function startAgents(t: ExecutionContext, text: string): Promise<TestCluster> {
  const folder = await temporaryFolder(t);
  const key = ControlKey.fromSecret(Buffer.from(secret, 'hex'));
  const nodes = new Map<string, TestNode>();
  t.teardown(async () => {
    await Promise.all([...nodes.values()].map((node) => node.close()));
  });
  const connect = connectWith({ key, cluster: 'test', by: 'ann' });
  let running = meaning(text);

  const start = async (name: string, own?: string): Promise<TestNode> => {
    const home = path.join(folder, name);
    const file = path.join(home, 'topology.yaml');
    const { mkdir } = await import('node:fs/promises');
    await mkdir(home, { recursive: true });
    await writeFile(path.join(home, 'cluster.key'), secret, { mode: 0o600 });
    if (own !== undefined) await writeFile(file, own);
    const node = await startAgent(t, name, file);
    nodes.set(name, node);
    return node;
  };
  await Promise.all(names.map((name) => start(name, text)));

  return {
    nodes,
    connect,
    key,
    node: (name) => nodes.get(name)!,
    start,
    async apply(changed, options = {}) {
      const topology = meaning(changed);
      const result = await rollOut({
        running,
        candidate: { topology, text: changed },
        by: 'ann',
        connect,
        watchMs: 0,
        ...options,
      });
      if (result.rolledBack === undefined) running = topology;
      return result;
    },
    async agreed(generation, hash) {
      await until(
        () =>
          [...nodes.values()].every(({ agent, applied }) => {
            const state = agent.status();
            return (
              state.generation === generation &&
              state.hash === hash &&
              state.staged === null &&
              !state.local &&
              applied.at(-1)?.hash === hash
            );
          }),
        `every node to run generation ${generation}`,
      );
    },
  };
}

async function startAgent(t: ExecutionContext, name: string, file: string): Promise<TestNode> {
  const { log, lines } = memoryLog();
  const source = fileSource(file);
  const state = path.join(path.dirname(file), 'state');
  const tier = name.startsWith('d') ? 'director' : name.startsWith('b') ? 'balancer' : 'chatserver';
  const begun = await startTopology(source, tier, name, state);
  for (const warning of begun.warnings) log.warn(warning);
  const key = ControlKey.fromSecret(await readSecret(begun.topology.secret, {}));
  const server = createControlServer({ key, cluster: begun.topology.cluster, node: name, log });
  const endpoint = controlEndpoints(begun.topology).find(({ node }) => node === name)!.control;
  const applied = [begun.topology];
  const agent = new RolloutAgent({
    source,
    node: name,
    key,
    env: {},
    control: server,
    log,
    clock: systemClock,
    random: Math.random,
    holding: begun.holding,
    topology: begun.topology,
    store: holdingStore(state, file, tier, name),
    self: () => endpoint,
    apply: async (topology) => {
      node.carryOut(topology);
      applied.push(topology);
      await Promise.resolve();
    },
    check: async (topology) => node.check(topology),
  });
  server.handle('status', () => {
    const status: Partial<NodeStatus> = {
      node: name,
      tier,
      pid: process.pid,
      topology: applied.at(-1)!.hash,
      connections: 0,
      counters: {},
      watches: [],
      rollout: agent.status(),
      ...node.status,
    };
    return status as unknown as Json;
  });
  let closed: Promise<void> | undefined;
  const node: TestNode = {
    name,
    file,
    lines,
    agent,
    applied,
    check: () => undefined,
    carryOut: () => undefined,
    status: {},
    close: () =>
      (closed ??= (async () => {
        watch.close();
        await agent.close();
        await server.close();
      })()),
  };
  await server.listen(endpoint);
  agent.start(begun.rewrite);
  const watch = source.watch(
    {
      onTopology: (topology, _warnings, text) => agent.fileChanged(topology, text),
      onProblems: () => undefined,
    },
    { running: begun.topology },
  );
  t.teardown(() => node.close());
  return node;
}

export async function fileOf({ file }: TestNode): Promise<string> {
  return readFile(file, 'utf8');
}
