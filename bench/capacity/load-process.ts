/** A client host of the bench: `node load-process.js OPTIONS`, ChatCrowdOptions as JSON; then requests (remote.ts). */
import { ChatCrowd, type ChatCrowdOptions } from '../traffic/chat-crowd.ts';
import type { CrowdCounts } from '../traffic/crowd-counts.ts';
import type { Histogram } from '../traffic/histogram.ts';
import { serve } from './remote.ts';

export type HistogramName = 'logins' | 'talks' | 'pushes';

export interface LoadRequests extends Record<string, (...args: never[]) => unknown> {
  connect: (first: number, end: number, perSecond: number) => void;
  talk: (oneOf: number, everyMs: number) => void;
  quiet: () => void;
  expectPush: (seq: number) => void;
  doom: (server: number) => void;
  renew: (count: number, perSecond: number) => void;
  counts: () => CrowdCounts & { readonly waiting: number; readonly deaf: number };
  takeGap: () => number;
  /** Forgets the times of the counts. */
  mark: () => void;
  /** What was counted since the last time. */
  take: (name: HistogramName) => ReturnType<Histogram['toJSON']>;
}

const crowd = new ChatCrowd(JSON.parse(process.argv[2] ?? '') as ChatCrowdOptions);
const handlers: LoadRequests = {
  connect: (first, end, perSecond) => crowd.connect(first, end, perSecond),
  talk: (oneOf, everyMs) => crowd.talk(oneOf, everyMs),
  quiet: () => crowd.quiet(),
  expectPush: (seq) => crowd.expectPush(seq),
  doom: (server) => crowd.doom(server),
  renew: (count, perSecond) => crowd.renew(count, perSecond),
  counts: () => ({ ...crowd.counts, waiting: crowd.waiting(), deaf: crowd.deaf() }),
  takeGap: () => crowd.takeGap(),
  mark() {
    const never = { firstWelcomeUs: 0, lastWelcomeUs: 0, firstLossUs: 0, lastLossUs: 0 };
    Object.assign(crowd.counts, never);
  },
  take(name) {
    const pairs = crowd[name].toJSON();
    crowd[name].clear();
    return pairs;
  },
};
serve(handlers);
console.log('ready');
