import { fileURLToPath } from 'node:url';
import type { Lab } from '../../test/lab/index.ts';
import { until } from '../../test/until.ts';
import { addCounts, crowdCounts, type CrowdCounts } from '../traffic/crowd-counts.ts';
import { Histogram } from '../traffic/histogram.ts';
import { endingMs, socketsGone } from './kernel-settings.ts';
import type { HistogramName, LoadRequests } from './load-process.ts';
import type { ClientHost } from './plan.ts';
import { port, vip } from './plan.ts';
import { Remote } from './remote.ts';

/** The clients are asked so often; an answer counts through all of them. */
const pollMs = 250;
const script = fileURLToPath(new URL('load-process.js', import.meta.url));

/** What is awaited of the clients. */
export interface LoadsAwaited {
  readonly describe: string;
  readonly timeoutMs: number;
  /** Hears the counts meanwhile. */
  readonly tell?: (counts: LoadCounts) => void;
  /** Says why waiting on is pointless. */
  readonly hopeless?: () => string | undefined;
}

export type LoadCounts = CrowdCounts & { readonly waiting: number; readonly deaf: number };

/** The client hosts as one. */
export class Loads {
  readonly pids: readonly number[];
  readonly #hosts: readonly ClientHost[];
  readonly #remotes: readonly Remote<LoadRequests>[];
  /** As asked for last. */
  last: LoadCounts = { ...crowdCounts(), waiting: 0, deaf: 0 };

  private constructor(hosts: readonly ClientHost[], remotes: readonly Remote<LoadRequests>[]) {
    this.#hosts = hosts;
    this.#remotes = remotes;
    this.pids = remotes.map(({ program }) => program.pid);
  }

  static async start(lab: Lab, hosts: readonly ClientHost[]): Promise<Loads> {
    const remotes = hosts.map(async ({ name, sources, firstUser, count }) => {
      const options = JSON.stringify({ to: { host: vip, port }, sources, firstUser, count });
      const program = await lab.spawn(name, [process.execPath, script, options]);
      await program.line(/^ready/);
      return new Remote<LoadRequests>(program);
    });
    return new Loads(hosts, await Promise.all(remotes));
  }

  /** Connects the clients between two shares of all, at a rate for all. */
  async connect(from: number, to: number, perSecond: number): Promise<void> {
    const rate = perSecond / this.#hosts.length;
    await Promise.all(
      this.#remotes.map((remote, index) => {
        const { count } = this.#hosts[index]!;
        return remote.ask('connect', Math.floor(from * count), Math.floor(to * count), rate);
      }),
    );
  }

  /** How many clients lie below this share. */
  countTo(share: number): number {
    return this.#hosts.reduce((sum, { count }) => sum + Math.floor(share * count), 0);
  }

  async renew(count: number, perSecond: number): Promise<number> {
    const each = Math.floor(count / this.#remotes.length);
    await this.#all('renew', each, perSecond / this.#remotes.length);
    return each * this.#remotes.length;
  }

  talk(oneOf: number, everyMs: number): Promise<void> {
    return this.#all('talk', oneOf, everyMs);
  }

  /** Stops talking and waits until nothing is under way; returns how many messages stay unanswered. */
  async quiet(): Promise<number> {
    await this.#all('quiet');
    const end = performance.now() + 20_000;
    for (;;) {
      const { waiting } = await this.counts();
      if (waiting === 0 || performance.now() > end) return waiting;
      await new Promise((resolve) => void setTimeout(resolve, 50));
    }
  }

  expectPush(seq: number): Promise<void> {
    return this.#all('expectPush', seq);
  }

  doom(server: number): Promise<void> {
    return this.#all('doom', server);
  }

  /** Ends the clients, and waits for their connections to end while the hosts between are there. */
  async end(): Promise<void> {
    for (const { program } of this.#remotes) program.signal('SIGKILL');
    await socketsGone(endingMs);
  }

  async counts(): Promise<LoadCounts> {
    const all = await Promise.all(this.#remotes.map((remote) => remote.ask('counts')));
    const total = (name: 'waiting' | 'deaf'): number => all.reduce((sum, counts) => sum + counts[name], 0);
    this.last = { ...addCounts(all), waiting: total('waiting'), deaf: total('deaf') };
    return this.last;
  }

  /** The longest time since the last call in which a client host was told nothing, ms. */
  async takeGap(): Promise<number> {
    return Math.max(...(await Promise.all(this.#remotes.map((remote) => remote.ask('takeGap')))));
  }

  mark(): Promise<void> {
    return this.#all('mark');
  }

  /** Takes the durations counted since the last time. */
  async take(name: HistogramName): Promise<Histogram> {
    const sum = new Histogram();
    for (const pairs of await Promise.all(this.#remotes.map((remote) => remote.ask('take', name)))) {
      sum.merge(pairs);
    }
    return sum;
  }

  /** Waits until the counts are as wanted. */
  async until(isSo: (counts: LoadCounts) => boolean, awaited: LoadsAwaited): Promise<LoadCounts> {
    const { describe, timeoutMs, tell, hopeless } = awaited;
    await until(
      async () => {
        const counts = await this.counts();
        tell?.(counts);
        return isSo(counts);
      },
      { describe, timeoutMs, everyMs: pollMs, hopeless: () => this.#ending() ?? hopeless?.() },
    );
    return this.last;
  }

  #ending(): string | undefined {
    return this.#remotes.map(({ program }) => program.ending).find((ending) => ending !== undefined);
  }

  async #all<Name extends 'renew' | 'talk' | 'quiet' | 'expectPush' | 'doom' | 'mark'>(
    name: Name,
    ...args: Parameters<LoadRequests[Name]>
  ): Promise<void> {
    await Promise.all(this.#remotes.map((remote) => remote.ask(name, ...args)));
  }
}
