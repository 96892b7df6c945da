/** A run over a system: the parts that every system can do, and what it takes to do them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describeError } from '../../lib/errors/index.ts';
import { nowUs } from '../traffic/chat-lines.ts';
import type { ChatServers } from './chat-servers.ts';
import type { LoadCounts, Loads } from './loads.ts';
import type { Progress } from './progress.ts';
import {
  faultsOf,
  quantiles,
  serverFaults,
  type Findings,
  type Quantiles,
  type RunPart,
  type RunResult,
} from './result.ts';
import {
  cpuSeconds,
  kernelMemory,
  perUnit,
  processMemory,
  type ByTier,
  type TierProcesses,
} from './tiers.ts';

/** What is measured: hosts between the clients and the chat servers, and these. */
export interface System {
  readonly tiers: readonly TierProcesses[];
  readonly chat: ChatServers;
}

export interface RunSettings {
  readonly perSecond: number;
  readonly talkSeconds: number;
  /** Says what the machine has not enough of to go on, while that is so. */
  readonly shortage: () => string | undefined;
}

/** One of so many clients talks. */
export const talkerOneOf = 5;
export const talkEveryMs = 30_000;
const idleSeconds = 5;
const settleSeconds = 3;
const pushes = 2;
/** What a part may take beyond what it should, and what a client may take of it: all share two processors. */
const basePatienceMs = 60_000;
const patienceMsPerClient = 0.2;
/**
 * Programs run slowly until they are compiled, those of all tiers and the load's: with two processors for all of them the first
 * seconds at the full rate would measure compilers. By so many logins per chat server, of the first clients, at a part of the rate.
 */
const warm = { share: 0.1, clientsMost: 10_000, loginsPerServer: 2_000, rate: 1 / 3 };
/** Of the clients that are there for it, so many leave and come back. */
const warmRenewed = 0.9;
/** When nobody more has logged in for so long, nobody more will: a full system, or one that stands still. */
const stalledAfterMs = 45_000;

export function patienceMs(connections: number): number {
  return basePatienceMs + patienceMsPerClient * connections;
}

export class Run {
  readonly loads: Loads;
  readonly progress: Progress;
  readonly settings: RunSettings;
  readonly #system: System;
  #seq = 0;
  #partBeganMs = 0;
  #lost = 0;
  #reasons: Readonly<Record<string, number>> = {};
  #pushesExpected = 0;
  readonly #parts: RunPart[] = [];

  constructor(loads: Loads, system: System, settings: RunSettings, progress: Progress) {
    this.loads = loads;
    this.#system = system;
    this.settings = settings;
    this.progress = progress;
  }

  /**
   * The whole run: `parts` does the parts and notes what they find; then talking ends, everybody hears a last push, and all is counted.
   * Where one of them fails the run stops, and what was found until then is the result.
   */
  async conclude(
    about: Pick<RunResult, 'name' | 'connections' | 'processes'>,
    parts: (found: Findings) => Promise<void>,
  ): Promise<RunResult> {
    const found: Findings = {};
    const whole = async (): Promise<Pick<RunResult, 'unanswered' | 'faults'>> => {
      await parts(found);
      const unanswered = await this.loads.quiet();
      await this.push(1);
      await this.part('the end');
      return { unanswered, faults: serverFaults(await this.#system.chat.counts()) };
    };
    const end = await whole().catch((error: unknown) => {
      const stopped = describeError(error);
      const { live, reasons } = this.loads.last;
      this.progress.note(`stopped with ${live} logged in: ${stopped}; ${JSON.stringify(reasons)}`);
      return { stopped, faults: [] };
    });
    const counts = await this.loads.counts().catch(() => this.loads.last);
    const kept = { counts, parts: this.#parts, pushesExpected: this.#pushesExpected };
    const result = { ...about, ...found, ...kept, ...end };
    return { ...result, faults: [...faultsOf(result), ...end.faults] };
  }

  /** Waits for the clients, as long as there is hope. */
  async awaitClients(
    isSo: (counts: LoadCounts) => boolean,
    describe: string,
    timeoutMs = this.#patienceMs,
  ): Promise<LoadCounts> {
    const { loads, progress, settings } = this;
    return loads.until(isSo, { describe, timeoutMs, tell: progress.counts, hopeless: settings.shortage });
  }

  /** Begins a part of the run. What was lost in the last one is noted. */
  async part(title: string): Promise<void> {
    const now = performance.now();
    const { lostUnexpected, reasons } = await this.loads.counts();
    const last = this.#parts.at(-1);
    if (last !== undefined) {
      last.seconds = (now - this.#partBeganMs) / 1_000;
      last.lostUnexpected = lostUnexpected - this.#lost;
      last.failedBeforeLogin = growthOf(this.#reasons, reasons);
    }
    this.#reasons = reasons;
    if (lostUnexpected > this.#lost) this.progress.note(`lost unexpectedly: ${JSON.stringify(reasons)}`);
    this.#lost = lostUnexpected;
    this.#partBeganMs = now;
    this.#parts.push({ title, seconds: 0, lostUnexpected: 0, failedBeforeLogin: {} });
    this.progress.part(title);
  }

  /** Warms up with some of the clients, then connects a share of all and measures what that takes. */
  async establish(share: number): Promise<Pick<Findings, 'establish' | 'bytesPerConnection'>> {
    const { loads } = this;
    const { perSecond } = this.settings;
    const goal = loads.countTo(share);
    const warmShare = await this.#warmUp(share);
    const measured = goal - loads.countTo(warmShare);
    await sleep(settleSeconds * 1_000);
    const [memory, kernel] = [this.#memory(), kernelMemory()];
    const cpu = this.#cpu();
    await this.part(`connecting ${measured} more clients, ${perSecond} per second`);
    await loads.connect(warmShare, share, perSecond);
    const timeoutMs = 3 * (measured / perSecond) * 1_000 + this.#patienceMs;
    const grows = growing();
    const counts = await this.awaitClients(
      ({ live }) => live === goal || !grows(live),
      'all clients to be logged in',
      timeoutMs,
    );
    if (counts.live < goal) {
      const seconds = stalledAfterMs / 1_000;
      throw new Error(`of ${goal} clients ${counts.live} are logged in, and nobody more for ${seconds} s`);
    }
    const cpuPer1000 = perUnit(cpu, this.#cpu(), measured / 1_000);
    await sleep(settleSeconds * 1_000);
    const seconds = (counts.lastWelcomeUs - counts.firstWelcomeUs) / 1e6;
    const login = quantiles(await loads.take('logins'));
    return {
      establish: { seconds, perSecond: measured / seconds, login, cpuPer1000 },
      bytesPerConnection: {
        process: perUnit(memory, this.#memory(), measured),
        kernel: perUnit(kernel, kernelMemory(), measured),
      },
    };
  }

  async idle(): Promise<ByTier> {
    await this.part('nobody talks');
    const cpu = this.#cpu();
    await sleep(idleSeconds * 1_000);
    return perUnit(cpu, this.#cpu(), idleSeconds);
  }

  /** Starts talking, which goes on, and measures it for a while. */
  async talk(idle: ByTier): Promise<NonNullable<Findings['talk']>> {
    const { loads, progress } = this;
    const { talkSeconds } = this.settings;
    await this.part(`one of ${talkerOneOf} talks every ${talkEveryMs / 1_000} s`);
    const [before, cpu, begun] = [await loads.counts(), this.#cpu(), performance.now()];
    await loads.talk(talkerOneOf, talkEveryMs);
    while (performance.now() - begun < talkSeconds * 1_000) {
      await sleep(500);
      progress.counts(await loads.counts());
    }
    const [after, used] = [await loads.counts(), perUnit(cpu, this.#cpu(), 1)];
    const seconds = (performance.now() - begun) / 1_000;
    const messages = after.told - before.told;
    const busy = Object.entries(used).map(([tier, value]) => [tier, value - (idle[tier] ?? 0) * seconds]);
    return {
      messages,
      latency: await this.latency(),
      longestGapMs: await loads.takeGap(),
      cpuPer1000: perUnit({}, Object.fromEntries(busy) as ByTier, messages / 1_000),
    };
  }

  /** Latencies of messages since the last time. */
  async latency(): Promise<Quantiles> {
    return quantiles(await this.loads.take('talks'));
  }

  /** Pushes to everybody; nobody may be connecting meanwhile. */
  async push(times = pushes): Promise<NonNullable<Findings['push']>> {
    const { loads } = this;
    await this.part('a push to everybody');
    let messages = 0;
    const cpu = this.#cpu();
    for (let time = 0; time < times; time++) {
      const { live } = await loads.counts();
      await loads.expectPush(++this.#seq);
      const told = await this.#system.chat.push(this.#seq, nowUs());
      if (told !== live) throw new Error(`${live} clients are logged in, and servers pushed to ${told}`);
      messages += told;
      await this.awaitClients(({ deaf }) => deaf === 0, 'the push to reach everybody');
    }
    this.#pushesExpected += messages;
    const cpuPer1000 = perUnit(cpu, this.#cpu(), messages / 1_000);
    return { messages, cpuPer1000, latency: quantiles(await loads.take('pushes')) };
  }

  /** Kills the first chat server; its clients come back by themselves, all at once. */
  async killServer(): Promise<NonNullable<Findings['kill']>> {
    const { loads } = this;
    const { chat } = this.#system;
    const name = chat.first;
    const { people } = await chat.server(name).ask('counts');
    await this.part(`${name} is killed, with ${people} people`);
    await loads.doom(Number(name.slice(1)));
    await loads.mark();
    const before = (await loads.counts()).lostExpected;
    const killedUs = nowUs();
    chat.kill(name);
    const cpu = this.#cpu();
    const goal = loads.countTo(1);
    const counts = await this.awaitClients(
      ({ live, lostExpected }) => live === goal && lostExpected - before >= people,
      'its clients to be logged in again',
    );
    const ms = (us: number): number => (us - killedUs) / 1_000;
    return {
      people,
      lost: counts.lostExpected - before,
      msToFirstTold: ms(counts.firstLossUs),
      msToLastTold: ms(counts.lastLossUs),
      msToRecover: ms(counts.lastWelcomeUs),
      cpuPer1000: perUnit(cpu, this.#cpu(), people / 1_000),
      talk: await this.latency(),
    };
  }

  /** Returns the share of the clients that are logged in then. */
  async #warmUp(share: number): Promise<number> {
    const { loads } = this;
    const warmShare = Math.min(warm.share, warm.clientsMost / loads.countTo(1)) * share;
    const [clients, rate] = [loads.countTo(warmShare), warm.rate * this.settings.perSecond];
    await this.part(`warming up with ${clients} clients, ${rate.toFixed(0)} per second`);
    await loads.connect(0, warmShare, rate);
    await this.awaitClients(({ live }) => live === clients, 'the first clients to be logged in');
    const enough = warm.loginsPerServer * this.#system.chat.size;
    for (;;) {
      const { established } = await loads.counts();
      if (established >= enough) break;
      const renewed = await loads.renew(Math.floor(warmRenewed * clients), rate);
      await this.awaitClients(
        ({ established: now, live }) => now >= established + renewed && live === clients,
        'the first clients to have come anew',
      );
    }
    await loads.take('logins');
    await loads.mark();
    return warmShare;
  }

  get #patienceMs(): number {
    return patienceMs(this.loads.countTo(1));
  }

  #cpu(): ByTier {
    return cpuSeconds(this.#allTiers());
  }

  #memory(): ByTier {
    return processMemory(this.#allTiers());
  }

  #allTiers(): readonly TierProcesses[] {
    return [...this.#system.tiers, { tier: 'clients', pids: () => this.loads.pids }];
  }
}

/** Answers whether a count has grown within the time in which it should. */
function growing(): (count: number) => boolean {
  let [most, grewMs] = [0, performance.now()];
  return (count) => {
    const now = performance.now();
    if (count > most) [most, grewMs] = [count, now];
    return now - grewMs < stalledAfterMs;
  };
}

/** What has more in `after`, and how much. */
function growthOf(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Record<string, number> {
  const growth = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(growth.filter(([, count]) => count > 0));
}
