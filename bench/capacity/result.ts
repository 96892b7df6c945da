import type { ChatRoomCounts } from '../traffic/chat-room.ts';
import type { Histogram } from '../traffic/histogram.ts';
import type { LoadCounts } from './loads.ts';
import type { ByTier } from './tiers.ts';

/** In ms. */
export interface Quantiles {
  readonly count: number;
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  readonly p999: number | undefined;
  readonly most: number | undefined;
}

export interface RunPart {
  readonly title: string;
  seconds: number;
  lostUnexpected: number;
  /** Connects that failed and connections that ended before login, by what failed and its errno; they were tried again. */
  failedBeforeLogin: Readonly<Record<string, number>>;
}

/** What the parts of a run find out; parts a peer cannot do are not there, nor those that a run did not come to. */
export interface Findings {
  /** Of those that come after the programs have warmed up. */
  establish?: {
    readonly seconds: number;
    readonly perSecond: number;
    readonly login: Quantiles;
    readonly cpuPer1000: ByTier;
  };
  bytesPerConnection?: {
    /** Resident memory of the tier's processes. */
    readonly process: ByTier;
    /** Of the whole machine: all sockets of a connection, on both sides, in all tiers. */
    readonly kernel: Readonly<Record<string, number>>;
  };
  /** Seconds on a processor per second, with nothing but heartbeats. */
  idleCpu?: ByTier;
  talk?: {
    readonly messages: number;
    readonly latency: Quantiles;
    /** The longest time in which a client host was told nothing. */
    readonly longestGapMs: number;
    /** Without what idling costs. */
    readonly cpuPer1000: ByTier;
  };
  push?: {
    readonly messages: number;
    /** From the order to push until a client had it; the last one shows how long it took for all. */
    readonly latency: Quantiles;
    readonly cpuPer1000: ByTier;
  };
  growth?: {
    readonly msToReady: number;
    /** From the new topology file to the first connection of the new balancer. */
    readonly msToFirstConnection: number;
    readonly talk: Quantiles;
    readonly longestGapMs: number;
  };
  /** Somebody asks every node for its status, one time after the other, while people talk. */
  status?: {
    readonly asked: number;
    readonly talk: Quantiles;
    readonly longestGapMs: number;
  };
  kill?: {
    readonly people: number;
    readonly lost: number;
    readonly msToFirstTold: number;
    readonly msToLastTold: number;
    /** From the kill until the last of its people was logged in again. */
    readonly msToRecover: number;
    /** By connection that was lost and made anew. */
    readonly cpuPer1000: ByTier;
    readonly talk: Quantiles;
  };
  drain?: {
    readonly msToDrain: number;
    readonly renewed: number;
    /** New connections of the draining balancer while others came anew: none is right. */
    readonly newOnDrained: number;
    readonly keptOnDrained: number;
  };
}

export interface RunResult extends Readonly<Findings> {
  readonly name: string;
  readonly connections: number;
  readonly processes: Readonly<Record<string, number>>;
  /** Why it did not come to its end. */
  readonly stopped?: string;
  /** At the end, or the last ones before it stopped. */
  readonly counts: LoadCounts;
  readonly parts: readonly RunPart[];
  readonly pushesExpected: number;
  /** Messages without an answer when talking had ended. */
  readonly unanswered?: number;
  /** What is not as it must be; empty when all is well. */
  readonly faults: readonly string[];
}

const usPerMs = 1_000;

export function quantiles(histogram: Histogram): Quantiles {
  const at = (share: number): number | undefined => {
    const us = histogram.quantile(share);
    return us === undefined ? undefined : us / usPerMs;
  };
  return { count: histogram.total, p50: at(0.5), p99: at(0.99), p999: at(0.999), most: at(1) };
}

/** What must be zero or equal, and is not; what is only so at the end is not asked of a run that stopped before. */
export function faultsOf({
  counts,
  pushesExpected,
  unanswered = 0,
  drain,
  stopped,
}: Omit<RunResult, 'faults'>): string[] {
  const never = {
    'lost unexpectedly': counts.lostUnexpected,
    'messages missing': counts.missing,
    'came twice': counts.twice,
    'out of order': counts.disordered,
    'messages not sent in time': counts.skipped,
    'errors of servers': counts.errors,
    'new connections on a draining balancer': drain?.newOnDrained ?? 0,
  };
  const neverAtTheEnd = {
    'messages unanswered at the end': unanswered,
    'pushes missing': pushesExpected - counts.pushesHeard,
    'messages not delivered': counts.sent - counts.delivered - (counts.cutOff - counts.cutOffDelivered),
    'messages not with their receivers': counts.sent - counts.told - (counts.cutOff - counts.cutOffTold),
  };
  const asked = stopped === undefined ? { ...never, ...neverAtTheEnd } : never;
  const found = Object.entries(asked).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what}`]));
  return stopped === undefined ? found : [`stopped: ${stopped}`, ...found];
}

/** What chat servers heard and should not have. */
export function serverFaults(counts: readonly ChatRoomCounts[]): string[] {
  const names = ['strange', 'disordered', 'strangers'] as const;
  return names.flatMap((name) => {
    const sum = counts.reduce((total, each) => total + each[name], 0);
    return sum === 0 ? [] : [`${sum} messages ${name} to chat servers`];
  });
}
