import { setTimeout as sleep } from 'node:timers/promises';
import { deferred } from '../lib/deferred/index.ts';
import { HeadgateError } from '../lib/errors/index.ts';
import { isEtcdAddress } from '../lib/etcd/index.ts';
import { collectStatus, logLevels, missingRawSocket, prettyLine, type LogLevel } from '../node/index.ts';
import { createSecretFile, loadTopology, watchTopology, type Topology } from '../topology/index.ts';
import { askerName, openTopology } from './cluster-access.ts';
import { exitCodes, type Command, type CommandIo } from './command.ts';
import { oneOf, parseOptions, usageError } from './options.ts';
import { banner } from './up/banner.ts';
import { NodeProcesses } from './up/node-processes.ts';
import { unsettled } from './up/settled.ts';

/** How long Ctrl-C waits for live connections. */
const grace = '1s';

/** How long to wait for every node to be in use before saying what is missing. */
const settleMs = 20_000;
const settleCheckMs = 100;

export const upCommand: Command = {
  help: `Usage: headgate up TOPOLOGY [--log-level LEVEL]

Starts each director, balancer and chat server of the file as a process of its own, with prefixed logs; makes the
secret's key file if it is missing (mode 0600); starts nodes that are added to the file and restarts ones that
crash. For demos and development. Ctrl-C ends everything, a second one at once.

  --log-level LEVEL   debug, info (default), warn, error

Example: headgate up examples/local/topology.yaml`,
  async run(args, io) {
    const { values, positionals } = parseOptions(args, { 'log-level': { type: 'string' } });
    const [file] = positionals;
    const logLevel = oneOf('log-level', values['log-level'], logLevels);
    if (file === undefined || positionals.length > 1)
      throw usageError(
        `expected one topology file, got ${positionals.length}`,
        'for example headgate up examples/local/topology.yaml',
      );
    if (isEtcdAddress(file))
      throw usageError('up runs a topology file', 'start each node with --topology and the address in etcd');
    const { topology } = await loadTopology(file);
    if ('file' in topology.secret && (await createSecretFile(topology.secret.file)))
      io.out(`made the key file ${topology.secret.file} (mode 0600)`);
    const rawSocket = await missingRawSocket();
    if (rawSocket !== undefined) io.out(rawSocket);
    return new Up(file, topology, logLevel, io).run();
  },
};

class Up {
  readonly #file: string;
  readonly #io: CommandIo;
  readonly #processes: NodeProcesses;
  /** Rejects when a node ends before everything has been up once. */
  readonly #failedStart = deferred<never>();
  readonly #waiting: Set<string>;
  readonly #lastLines = new Map<string, string>();
  readonly #prefixWidth: number;
  #topology: Topology;
  #settled = false;

  constructor(file: string, topology: Topology, logLevel: LogLevel | undefined, io: CommandIo) {
    this.#file = file;
    this.#io = io;
    this.#topology = topology;
    const names = [...topology.directors, ...topology.balancers, ...topology.chatservers].map(
      ({ name }) => name,
    );
    this.#waiting = new Set(names);
    this.#prefixWidth = Math.max(...names.map(({ length }) => length), 2);
    this.#processes = new NodeProcesses({
      file,
      env: io.env,
      args: [
        '--log-format',
        'json',
        '--grace',
        grace,
        ...(logLevel === undefined ? [] : ['--log-level', logLevel]),
      ],
      onLine: (node, line) => {
        this.#lastLines.set(node, line);
        this.#say(node, prettyLine(line));
      },
      onReady: (node) => void this.#waiting.delete(node),
      onCrash: (node, how, restartMs) => this.#crashed(node, how, restartMs),
      onGone: (node) => this.#say('up', `${node} was removed and has ended`),
    });
  }

  async run(): Promise<number> {
    const stopped = new Promise<void>((resolve) => {
      if (this.#io.signal.aborted) resolve();
      else this.#io.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    this.#processes.apply(this.#topology);
    try {
      await Promise.race([stopped, this.#failedStart.promise, this.#waitUntilSettled()]);
    } catch (error) {
      await this.#processes.end();
      throw error;
    } finally {
      this.#settled = true;
    }
    const watch = watchTopology(
      this.#file,
      {
        onTopology: (topology) => {
          this.#topology = topology;
          this.#processes.apply(topology);
        },
        onProblems: () => this.#say('up', 'the changed topology is not valid; the old one keeps running'),
      },
      { running: this.#topology },
    );
    await stopped;
    watch.close();
    this.#say('up', 'ending every node; Ctrl-C again ends them at once');
    const killNow = (): void => this.#processes.kill();
    process.on('SIGINT', killNow);
    await this.#processes.end();
    process.off('SIGINT', killNow);
    this.#say('up', 'everything has ended');
    return exitCodes.done;
  }

  #say(prefix: string, line: string): void {
    this.#io.out(`${prefix.padEnd(this.#prefixWidth)} | ${line}`);
  }

  #crashed(node: string, how: string, restartMs: number): void {
    if (!this.#settled && this.#waiting.has(node)) {
      const last = this.#lastLines.get(node);
      this.#failedStart.reject(
        new HeadgateError(
          'HEADGATE_CLI_UP',
          `${node} did not start (${how})${last === undefined ? '' : `: ${last.replace(/^headgate: /, '')}`}`,
          // What the node said ends with its own cure.
          last === undefined ? {} : { cure: '' },
        ),
      );
      return;
    }
    this.#say('up', `${node} has ended (${how}); starting it again in ${(restartMs / 1_000).toFixed(1)} s`);
  }

  /** Waits until every node is in use, then prints the banner; after a while it says what is missing instead. */
  async #waitUntilSettled(): Promise<void> {
    const access = await openTopology(this.#file, this.#io.env);
    const deadline = performance.now() + settleMs;
    while (!this.#settled) {
      if (this.#waiting.size === 0) {
        const missing = unsettled(await collectStatus(this.#topology, access.key, askerName));
        if (missing.length === 0) break;
        if (performance.now() >= deadline) {
          for (const line of missing) this.#say('up', line);
          break;
        }
      } else if (performance.now() >= deadline) {
        throw new HeadgateError(
          'HEADGATE_CLI_UP',
          `after ${settleMs / 1_000} s these nodes were not ready: ${[...this.#waiting].join(', ')}`,
        );
      }
      await sleep(settleCheckMs, undefined, { signal: this.#io.signal }).catch((error: unknown) => {
        if (!this.#io.signal.aborted) throw error;
      });
      if (this.#io.signal.aborted) return;
    }
    if (this.#settled) return;
    this.#io.out(banner(this.#topology, this.#file));
  }
}
