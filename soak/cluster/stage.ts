/** The soaked cluster as it runs: hosts in network namespaces, a process per node, and what they say of themselves. */
import { readFileSync } from 'node:fs';
import { closeAll, connectLocalNodes } from '../../cli/cluster-access.ts';
import { bpfAvailable } from '../../lib/linux/bpf/index.ts';
import type { NodeStatus } from '../../node/index.ts';
import { loadTopology } from '../../topology/index.ts';
import { startCluster, type Cluster } from '../../test/cluster.ts';
import { createLab, type Lab } from '../../test/lab/index.ts';
import type { Program, Teardown } from '../../test/processes.ts';
import { until } from '../../test/until.ts';
import {
  allBalancers,
  clientPorts,
  forwardings,
  hosts,
  specOf,
  vip,
  type Forwarding,
  type World,
} from './world.ts';

/** A busy machine is no broken promise. */
export const patienceMs = 120_000;

export class Stage {
  readonly lab: Lab;
  readonly #cluster: Cluster;
  readonly #programs = new Map<string, Program>();
  /** Processes started, by node. */
  readonly #lives = new Map<string, number>();

  private constructor(lab: Lab, cluster: Cluster, programs: ReadonlyMap<string, Program>) {
    this.lab = lab;
    this.#cluster = cluster;
    for (const [name, program] of programs) this.#begin(name, program);
  }

  /** Hosts and nodes; resolves when everybody is up. `bpffs` is where directors pin. */
  static async start(t: Teardown, world: World, bpffs: string | undefined): Promise<Stage> {
    const lab = await createLab(t, { hosts });
    await routeBack(lab);
    await lab.sysctl('client', 'net.ipv4.ip_local_port_range', clientPorts.join(' '));
    const env = bpffs === undefined ? {} : { HEADGATE_BPFFS: bpffs };
    const programs = new Map<string, Program>();
    const cluster = await startCluster(t, specOf(world), async (name, argv, options) => {
      const program = await lab.spawn(name, argv, { ...options, env: { ...options.env, ...env } });
      programs.set(name, program);
      return program;
    });
    const stage = new Stage(lab, cluster, programs);
    await stage.untilAsWanted(world);
    return stage;
  }

  /** The ways of forwarding that work here. */
  async modes(): Promise<readonly Forwarding[]> {
    const status = await until(async () => (await this.statuses()).get('d1'), 'd1 to answer');
    return bpfAvailable().available && modeOf(status) !== undefined ? forwardings : ['proxy'];
  }

  /** Clients whose connections the director carries itself, instead of the kernel. */
  proxied(): number {
    const address = Buffer.from(vip.host.split('.').map(Number)).reverse().toString('hex');
    const local = `${address}:${vip.port.toString(16).padStart(4, '0')}`.toUpperCase();
    return readFileSync(`/proc/${this.node('d1').pid}/net/tcp`, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, at, , state]) => at === local && state === established).length;
  }

  get file(): string {
    return this.#cluster.file;
  }

  /** Processes that run, by node; removed ones that still have connections are among them. */
  get running(): ReadonlyMap<string, Program> {
    return new Map([...this.#programs].filter(([, { exit }]) => exit === undefined));
  }

  /** `b2`, and `b2 (2)` after a restart. */
  lifeOf(name: string): string {
    const life = this.#lives.get(name) ?? 1;
    return life === 1 ? name : `${name} (${life})`;
  }

  node(name: string): Program {
    const program = this.#programs.get(name);
    if (program === undefined) throw new Error(`node ${name} was never started`);
    return program;
  }

  async startNode(name: string): Promise<void> {
    this.#begin(name, await this.#cluster.start(name));
  }

  /** Writes the topology file of `world`. */
  rewrite(world: World): Promise<void> {
    return this.#cluster.rewrite(specOf(world));
  }

  /** What every running node says; rejects when one is silent. */
  async statuses(): Promise<ReadonlyMap<string, NodeStatus>> {
    const nodes = await connectLocalNodes(this.#cluster.env);
    closeAll(nodes);
    const found = new Map(nodes.map(({ status }) => [status.node, status]));
    const silent = [...this.running.keys()].filter((name) => !found.has(name));
    if (silent.length > 0) throw new Error(`${silent.join(', ')} did not answer`);
    return found;
  }

  /**
   * Waits until the cluster is what `world` says, starting nodes of it that do not run: everybody runs the same topology,
   * watchers see every member up, drained ones draining, and the forwarding is in force.
   */
  async untilAsWanted(world: World): Promise<ReadonlyMap<string, NodeStatus>> {
    const members = { ...world.balancers, ...world.chatservers };
    // Nodes look at the file a moment after it was written; until then they agree on the topology of before.
    const { hash } = (await loadTopology(this.file)).topology;
    return until(
      async () => {
        for (const name of ['d1', ...Object.keys(members)])
          if (!this.running.has(name)) await this.startNode(name);
        const statuses = await this.statuses();
        const why = lacking(statuses, hash, world);
        if (why !== undefined) throw new Error(why);
        return statuses;
      },
      { describe: 'the cluster to be as the topology says', timeoutMs: patienceMs, everyMs: 100 },
    );
  }

  /** Waits until all tiers count `people` connections, which are all there are; statuses of then. */
  async untilCounted(people: number): Promise<ReadonlyMap<string, NodeStatus>> {
    return until(
      async () => {
        const statuses = await this.statuses();
        for (const tier of ['director', 'balancer', 'chatserver'] as const) {
          const carried = [...statuses.values()]
            .filter((status) => status.tier === tier)
            .reduce((sum, { connections }) => sum + connections, 0);
          if (carried !== people) throw new Error(`${tier}s count ${carried} connections`);
        }
        return statuses;
      },
      { describe: `all tiers to count ${people} connections`, timeoutMs: patienceMs, everyMs: 100 },
    );
  }

  #begin(name: string, program: Program): void {
    this.#programs.set(name, program);
    this.#lives.set(name, (this.#lives.get(name) ?? 0) + 1);
  }
}

/** TCP_ESTABLISHED of include/net/tcp_states.h, as /proc/net/tcp writes it. */
const established = '01';

/** With nat the way back is through the director; what leaves from the VIP goes to the client directly. */
async function routeBack(lab: Lab): Promise<void> {
  for (const host of allBalancers) {
    for (const client of hosts.client)
      await lab.exec(host, ['ip', 'rule', 'add', 'from', hosts[host][0], 'to', client, 'lookup', '100']);
    await lab.exec(host, ['ip', 'route', 'add', 'default', 'via', hosts.d1[0], 'table', '100']);
  }
}

/** The way of forwarding in force; undefined when the director does not tell. */
function modeOf({ forwarding }: NodeStatus & Partial<ForwardingPart>): string | undefined {
  return forwarding?.services[0]?.mode;
}

interface ForwardingPart {
  readonly forwarding: { readonly services: readonly { readonly mode: string }[] };
}

/** What is not yet as `world` says. */
function lacking(statuses: ReadonlyMap<string, NodeStatus>, hash: string, world: World): string | undefined {
  for (const { node, topology } of statuses.values())
    if (topology !== hash) return `${node} runs topology ${topology} instead of ${hash}`;
  const d1 = statuses.get('d1');
  const mode = d1 === undefined ? undefined : modeOf(d1);
  if (mode !== undefined && mode !== world.forwarding) return `forwarding is ${mode}`;
  const members = { ...world.balancers, ...world.chatservers };
  for (const [name, { state }] of Object.entries(members)) {
    // Who was removed and still has connections goes on with what it knew.
    const views = [...statuses.values()]
      .filter(({ node }) => node === 'd1' || node in members)
      .flatMap(({ watches }) => watches.filter(({ node }) => node === name));
    if (views.length === 0) return `nobody watches ${name}`;
    for (const view of views) {
      if (view.state !== 'up') return `${name} is ${view.state}`;
      // One more and it would be down: what was cut off is not over yet.
      if (view.misses > 0) return `${name} has missed ${view.misses} beats`;
      if (view.draining !== (state === 'drain')) return `${name} is draining: ${view.draining}`;
    }
  }
  return undefined;
}
