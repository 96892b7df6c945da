/** The node processes of `headgate up`: starts, restarts with back-off, and ends them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { backoffMs } from '../../lib/backoff/index.ts';
import { systemClock, type Timer } from '../../lib/clock/index.ts';
import { deferred, type Deferred } from '../../lib/deferred/index.ts';
import { controlEndpoints, type ReadyMessage } from '../../node/index.ts';
import type { Tier, Topology } from '../../topology/index.ts';

const executable = fileURLToPath(new URL('../../../bin/headgate.js', import.meta.url));

const subcommands: Readonly<Record<Tier, string>> = {
  director: 'director',
  balancer: 'balancer',
  chatserver: 'chatserver-stub',
};

/** A node that lived this long starts over with the shortest delay. */
const stableMs = 10_000;
const restartBackoff = { firstMs: 500, mostMs: 10_000 } as const;

/** After this long without ending, a node that was told to end is killed. */
const killAfterMs = 5_000;

export interface NodeProcessesOptions {
  readonly file: string;
  /** Arguments every node gets. */
  readonly args: readonly string[];
  readonly env: Readonly<NodeJS.ProcessEnv>;
  /** A line a node wrote, or that is about it. */
  onLine(node: string, line: string): void;
  /** A node takes connections. */
  onReady(node: string): void;
  /** A node that should run has ended; it starts again in `restartMs`. */
  onCrash(node: string, how: string, restartMs: number): void;
  /** A node that was removed from the topology has ended. */
  onGone(node: string): void;
}

interface Node {
  readonly name: string;
  readonly tier: Tier;
  /** Identity: a node at another address is another node. */
  readonly key: string;
}

interface Running {
  readonly node: Node;
  readonly child: ChildProcess;
  readonly startedMs: number;
  readonly ended: Deferred<void>;
}

/** Every node the topology lists, by identity. */
function nodesOf(topology: Topology): ReadonlyMap<string, Node> {
  return new Map(
    controlEndpoints(topology)
      // Servers that are only probed are not ours to start.
      .filter(({ speaksControl }) => speaksControl)
      .map(({ node, tier, control }) => {
        const key = `${tier} ${node} ${control.host}`;
        return [key, { name: node, tier, key }];
      }),
  );
}

export class NodeProcesses {
  readonly #options: NodeProcessesOptions;
  readonly #running = new Map<string, Running>();
  readonly #restarts = new Map<string, Timer>();
  readonly #attempts = new Map<string, number>();
  #wanted: ReadonlyMap<string, Node> = new Map();
  #ending = false;

  constructor(options: NodeProcessesOptions) {
    this.#options = options;
  }

  /** Starts what the topology lists and does not run yet. Removed nodes drain and end by themselves. */
  apply(topology: Topology): void {
    this.#wanted = nodesOf(topology);
    for (const [key, timer] of this.#restarts) {
      if (this.#wanted.has(key)) continue;
      timer.cancel();
      this.#restarts.delete(key);
    }
    for (const node of this.#wanted.values())
      if (!this.#running.has(node.key) && !this.#restarts.has(node.key)) this.#start(node);
  }

  #start(node: Node): void {
    const child = spawn(
      process.execPath,
      [
        executable,
        subcommands[node.tier],
        '--topology',
        this.#options.file,
        '--node',
        node.name,
        ...this.#options.args,
      ],
      {
        // A group of its own: Ctrl-C reaches only `up`, which then ends its nodes in order.
        detached: true,
        // The channel tells the node when `up` is gone, however that happened.
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        env: { ...this.#options.env },
      },
    );
    this.#running.set(node.key, { node, child, startedMs: performance.now(), ended: deferred() });
    for (const stream of [child.stdout, child.stderr])
      if (stream !== null)
        createInterface({ input: stream }).on('line', (line) => this.#options.onLine(node.name, line));
    child.on('message', (message) => {
      if ((message as ReadyMessage).headgate === 'ready') this.#options.onReady(node.name);
    });
    let over = false;
    const end = (how: string): void => {
      if (over) return;
      over = true;
      this.#ended(node, how);
    };
    child.once('error', (error) => end(error.message));
    // 'close' comes after the last line was read; 'exit' may come before.
    child.once('close', (code, signal) => end(signal === null ? `exit code ${code}` : `signal ${signal}`));
  }

  #ended(node: Node, how: string): void {
    const running = this.#running.get(node.key);
    this.#running.delete(node.key);
    running?.ended.resolve();
    const livedMs = performance.now() - (running?.startedMs ?? 0);
    if (this.#ending) return;
    if (!this.#wanted.has(node.key)) {
      this.#options.onGone(node.name);
      return;
    }
    const attempt = livedMs >= stableMs ? 0 : (this.#attempts.get(node.key) ?? 0);
    this.#attempts.set(node.key, attempt + 1);
    const restartMs = backoffMs(attempt, restartBackoff, Math.random());
    this.#options.onCrash(node.name, how, restartMs);
    // The listener may have ended everything.
    if (this.#ending) return;
    this.#restarts.set(
      node.key,
      systemClock.after(restartMs, () => {
        this.#restarts.delete(node.key);
        this.#start(node);
      }),
    );
  }

  /**
   * Ends every node, tier by tier from the front, so that nobody mourns a tier behind that ends on purpose: SIGTERM,
   * and SIGKILL for what is still there some seconds later.
   */
  async end(): Promise<void> {
    this.#ending = true;
    for (const timer of this.#restarts.values()) timer.cancel();
    this.#restarts.clear();
    for (const tier of ['director', 'balancer', 'chatserver'] as const) {
      const running = [...this.#running.values()].filter(({ node }) => node.tier === tier);
      for (const { child } of running) child.kill('SIGTERM');
      const kill = systemClock.after(killAfterMs, () => {
        for (const { child } of running) child.kill('SIGKILL');
      });
      await Promise.all(running.map(({ ended }) => ended.promise));
      kill.cancel();
    }
  }

  /** Ends every node at once; `end` then resolves. */
  kill(): void {
    for (const { child } of this.#running.values()) child.kill('SIGKILL');
  }
}
