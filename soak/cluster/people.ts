/** People who talk all the time, and others who come and go. */
import type { SwarmReport } from '../../test/chat-load/swarm.ts';
import type { Lab } from '../../test/lab/index.ts';
import { RemoteSwarm } from '../../test/system/remote-swarm.ts';
import { hosts, vip } from './world.ts';
import { patienceMs } from './stage.ts';

export const crowdSize = 120;
const speakers = 2;
const talkEveryMs = 1_000;
export const guestCount = 24;

/** Opens a swarm of its own process on the client's host. */
async function comeIn(lab: Lab, prefix: string, chatters: number, speaking: number): Promise<RemoteSwarm> {
  const swarm = await RemoteSwarm.start((argv, options) => lab.spawn('client', argv, options));
  await swarm.order(
    {
      do: 'open',
      ...vip,
      chatters,
      speakers: speaking,
      prefix,
      localAddresses: hosts.client,
      timeoutMs: patienceMs,
    },
    patienceMs,
  );
  return swarm;
}

/** What the crowds have seen, all of them together. */
export interface CrowdTotals {
  readonly said: number;
  readonly heard: number;
  readonly lostAsExpected: number;
  readonly problems: readonly string[];
}

/** The talkers: stay for many rounds. */
export class Crowd {
  readonly #lab: Lab;
  #swarm: RemoteSwarm | undefined;
  #number = 0;
  #before: CrowdTotals = { said: 0, heard: 0, lostAsExpected: 0, problems: [] };
  #now: SwarmReport | undefined;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  get totals(): CrowdTotals {
    const now = this.#now;
    if (now === undefined) return this.#before;
    return {
      said: this.#before.said + now.said,
      heard: this.#before.heard + now.heard,
      lostAsExpected: this.#before.lostAsExpected + now.lost.expected,
      problems: [...this.#before.problems, ...now.problems],
    };
  }

  async arrive(): Promise<void> {
    this.#swarm = await comeIn(this.#lab, `crowd${++this.#number}-`, crowdSize, speakers);
    await this.talk();
  }

  /** Everybody leaves. */
  async leave(): Promise<void> {
    await this.#order({ do: 'close' });
    await this.#swarm?.program.exited;
    this.#before = this.totals;
    this.#now = undefined;
    this.#swarm = undefined;
  }

  async talk(): Promise<void> {
    await this.#order({ do: 'talk', everyMs: talkEveryMs });
  }

  /** Silence, in which everything said is heard by everybody, once and in order. */
  async settle(): Promise<void> {
    await this.#order({ do: 'hush' });
    await this.#order({ do: 'settled', timeoutMs: patienceMs });
  }

  async report(): Promise<SwarmReport> {
    return this.#order({ do: 'report' });
  }

  async expectLosses(expected: boolean): Promise<void> {
    await this.#order({ do: 'expect-losses', expected });
  }

  async allBack(): Promise<void> {
    await this.#order({ do: 'all-connected', timeoutMs: patienceMs });
  }

  async #order(order: Parameters<RemoteSwarm['order']>[0]): Promise<SwarmReport> {
    if (this.#swarm === undefined) throw new Error('the crowd is not there');
    this.#now = await this.#swarm.order(order, patienceMs + 5_000);
    return this.#now;
  }
}

/** Others come, talk, and leave; what they saw, and where they were. */
export async function visit(lab: Lab, round: number, whileThere: () => Promise<void>): Promise<SwarmReport> {
  const guests = await comeIn(lab, `guest${round}-`, guestCount, 1);
  await guests.order({ do: 'say', count: 2 });
  const report = await guests.order({ do: 'settled', timeoutMs: patienceMs }, patienceMs);
  await whileThere();
  await guests.order({ do: 'close' });
  await guests.program.exited;
  return report;
}
