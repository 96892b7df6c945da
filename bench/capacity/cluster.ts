/** The tiers of a run on hosts of a lab: real headgate nodes, and the bench's own chat servers. */
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { bpfAvailable, mountBpffs, unmountBpffs } from '../../lib/linux/bpf/index.ts';
import { startCluster, type Cluster, type ClusterSpec, type Entry } from '../../test/cluster.ts';
import { createLab, type Lab } from '../../test/lab/index.ts';
import { ownNamespaces, temporaryDirectory } from '../../test/lib/linux/bpf/own-namespaces.ts';
import { onExit } from '../../test/process-groups.ts';
import type { Program, Teardown } from '../../test/processes.ts';
import { chatScript, ChatServers } from './chat-servers.ts';
import { hostSettings, withHostTables } from './kernel-settings.ts';
import { director, port, serverPort, vip, type Plan, type TierHost } from './plan.ts';
import type { System } from './run.ts';
import type { TierProcesses } from './tiers.ts';

/** Room for flows of connections that ended and are not yet known to have. */
const flowsPerConnection = 1.3;
const flowsLeast = 65_536;
/** Of each process. */
const mostComplaints = 12;

export interface RunOptions {
  readonly forwarding: string;
  readonly engine: string;
}

/** The bench's hosts, also for peers. Accept queues are as long as a storm needs. */
export function createHosts(
  t: Teardown,
  plan: Plan,
  more: Readonly<Record<string, readonly string[]>> = {},
): Promise<Lab> {
  const addresses = ({ name, host }: TierHost): [string, readonly string[]] => [name, [host]];
  const spec = {
    hosts: {
      ...Object.fromEntries(plan.clients.map(({ name, sources }) => [name, sources])),
      [director.name]: [director.host, vip],
      ...Object.fromEntries([...plan.balancers, ...plan.servers].map(addresses)),
      ...more,
    },
    sysctls: hostSettings,
  };
  return withHostTables(plan, () => createLab(t, spec));
}

/** A bpf file system for this run alone, in a mount namespace that ends with this process. */
function privateBpffs(t: Teardown): string | undefined {
  if (!bpfAvailable().available || !ownNamespaces().available) return undefined;
  const root = temporaryDirectory();
  mountBpffs(root);
  let isThere = true;
  const remove = (): void => {
    if (isThere) unmountBpffs(root);
    isThere = false;
    rmSync(dirname(root), { recursive: true, force: true });
  };
  t.teardown(remove);
  onExit(remove);
  return root;
}

/** Also when the bench is interrupted. */
export function removeAtExit(folder: string): void {
  onExit(() => rmSync(folder, { recursive: true, force: true }));
}

export class BenchCluster implements System {
  readonly plan: Plan;
  readonly #options: RunOptions;
  readonly #cluster: Cluster;
  readonly chat: ChatServers;
  readonly #programs: ReadonlyMap<string, Program>;
  #balancers: readonly TierHost[];
  readonly #draining = new Set<string>();

  private constructor(
    plan: Plan,
    options: RunOptions,
    cluster: Cluster,
    chat: ChatServers,
    programs: ReadonlyMap<string, Program>,
  ) {
    this.#programs = programs;
    this.plan = plan;
    this.#options = options;
    this.#cluster = cluster;
    this.chat = chat;
    this.#balancers = firstBalancers(plan);
  }

  /** Mounts first: what the lab's hosts see is decided when they are made. */
  static async start(
    t: Teardown,
    plan: Plan,
    options: RunOptions,
  ): Promise<{ readonly lab: Lab; readonly cluster: BenchCluster }> {
    const bpffs = privateBpffs(t);
    const lab = await createHosts(t, plan);
    const programs = new Map<string, Program>();
    const spec = specOf(plan, options, firstBalancers(plan), new Set());
    const cluster = await startCluster(t, spec, async (name, argv, { env, ...rest }) => {
      const isServer = plan.servers.some((server) => server.name === name);
      const command = isServer ? chatCommand(plan, argv) : argv;
      const more = bpffs === undefined ? {} : { HEADGATE_BPFFS: bpffs };
      const program = await lab.spawn(name, command, { ...rest, env: { ...env, ...more } });
      programs.set(name, program);
      return program;
    });
    removeAtExit(dirname(cluster.file));
    const chat = new ChatServers(plan.servers.map(({ name }) => [name, programs.get(name)!]));
    return { lab, cluster: new BenchCluster(plan, options, cluster, chat, programs) };
  }

  get env(): Readonly<Record<string, string>> {
    return this.#cluster.env;
  }

  get tiers(): readonly TierProcesses[] {
    const pid = (name: string): number => this.#cluster.node(name).pid;
    return [
      { tier: 'director', pids: () => [pid(director.name)] },
      { tier: 'balancers', pids: () => this.#balancers.map(({ name }) => pid(name)) },
      this.chat.tier,
    ];
  }

  /** Adds the last balancer to the topology and starts it; resolves when it says that it is ready. */
  async addBalancer(): Promise<Program> {
    const { name } = this.plan.balancers.at(-1)!;
    await this.#cluster.rewrite(specOf(this.plan, this.#options, this.plan.balancers, this.#draining));
    const program = await this.#cluster.start(name);
    this.#balancers = this.plan.balancers;
    return program;
  }

  async drain(name: string): Promise<void> {
    this.#draining.add(name);
    await this.#rewrite();
  }

  /** Warnings and errors of nodes, and how processes ended: the first few of each. */
  complaints(): string[] {
    return [...this.#programs].flatMap(([name, { lines, ending }]) => {
      const bad = lines.filter(({ text }) => /"level":[456]0/.test(text)).map(({ text }) => messageOf(text));
      const counted = [...new Set(bad)].slice(0, mostComplaints);
      return [...counted, ...(ending === undefined ? [] : [ending])].map((text) => `${name}: ${text}`);
    });
  }

  #rewrite(): Promise<void> {
    return this.#cluster.rewrite(specOf(this.plan, this.#options, this.#balancers, this.#draining));
  }
}

function messageOf(line: string): string {
  try {
    return (JSON.parse(line) as { readonly msg: string }).msg;
  } catch {
    return line;
  }
}

function firstBalancers({ balancers }: Plan): readonly TierHost[] {
  return balancers.slice(0, -1);
}

function chatCommand({ connections, serverSlots }: Plan, argv: readonly string[]): readonly string[] {
  return [
    process.execPath,
    chatScript,
    `${serverSlots}`,
    `${connections}`,
    ...argv.slice(argv.indexOf('--topology')),
  ];
}

function specOf(
  { connections, servers, balancerLimit }: Plan,
  { forwarding, engine }: RunOptions,
  balancers: readonly TierHost[],
  draining: ReadonlySet<string>,
): ClusterSpec {
  const entries = (hosts: readonly TierHost[], entry: (host: TierHost) => Entry): Record<string, Entry> =>
    Object.fromEntries(hosts.map((host) => [host.name, entry(host)]));
  return {
    settings: {
      // All hosts share the processors of one machine: one that waits its turn for so long is not dead.
      heartbeat: { deadAfter: '60s' },
      flows: { capacity: Math.max(flowsLeast, Math.ceil(flowsPerConnection * connections)) },
    },
    services: { chat: { listen: `${vip}:${port}`, forwarding } },
    directors: { [director.name]: { host: director.host } },
    balancers: entries(balancers, ({ name, host }) => ({
      host,
      ...(engine === '' ? {} : { engine }),
      maxConnections: balancerLimit,
      ...(draining.has(name) ? { state: 'drain' } : {}),
    })),
    chatservers: entries(servers, ({ host }) => ({ address: `${host}:${serverPort}` })),
  };
}
