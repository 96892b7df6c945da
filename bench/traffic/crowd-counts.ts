/** What clients counted; zero where the comment says "never". */
export interface CrowdCounts {
  /** Connects begun. */
  connects: number;
  /** Times a client was welcomed. */
  established: number;
  /** Clients that are logged in now. */
  live: number;
  /** Connects that failed; tried again. */
  refused: number;
  /** Connections that ended before the welcome; tried again. */
  endedBeforeWelcome: number;
  /** Logged-in connections that ended, to a server that was killed. */
  lostExpected: number;
  /** And to others: never. */
  lostUnexpected: number;
  /** Connections ended by the client itself. */
  left: number;
  /** Messages sent. */
  sent: number;
  /** Messages their receivers had, and messages acknowledged. */
  told: number;
  delivered: number;
  /** Messages under way when their server was killed. */
  cutOff: number;
  /** Of those, the ones that their receiver had before, and the ones that were acknowledged before. */
  cutOffTold: number;
  cutOffDelivered: number;
  /** Of those, the ones that reached their receiver nevertheless. */
  late: number;
  /** Messages lost on a connection that should not have ended: never. */
  missing: number;
  /** Messages, acknowledgements and pushes that came twice: never. */
  twice: number;
  /** Those with a number that was not next, or to the wrong client: never. */
  disordered: number;
  /** Messages not sent because the last one was unanswered after the whole interval. */
  skipped: number;
  pushesHeard: number;
  /** Error lines of servers. */
  errors: number;
  /** Lines that are none of ours, such as a real chat server's `joined`. */
  others: number;
  /** Times of CLOCK_MONOTONIC in µs, 0: not yet; cleared between the parts of a run. */
  firstWelcomeUs: number;
  lastWelcomeUs: number;
  firstLossUs: number;
  lastLossUs: number;
  /** How often a connection ended how: what it did, and the errno. */
  reasons: Record<string, number>;
}

export function crowdCounts(): CrowdCounts {
  return {
    connects: 0,
    established: 0,
    live: 0,
    refused: 0,
    endedBeforeWelcome: 0,
    lostExpected: 0,
    lostUnexpected: 0,
    left: 0,
    sent: 0,
    told: 0,
    delivered: 0,
    cutOff: 0,
    cutOffTold: 0,
    cutOffDelivered: 0,
    late: 0,
    missing: 0,
    twice: 0,
    disordered: 0,
    skipped: 0,
    pushesHeard: 0,
    errors: 0,
    others: 0,
    firstWelcomeUs: 0,
    lastWelcomeUs: 0,
    firstLossUs: 0,
    lastLossUs: 0,
    reasons: {},
  };
}

const times = new Set<string>(['firstWelcomeUs', 'firstLossUs', 'lastWelcomeUs', 'lastLossUs']);

/** The counts of several processes together. */
export function addCounts(all: readonly CrowdCounts[]): CrowdCounts {
  const sum = crowdCounts();
  for (const counts of all) {
    for (const key of Object.keys(sum) as (keyof CrowdCounts)[]) {
      const value = counts[key];
      if (key === 'reasons') {
        for (const [why, count] of Object.entries(counts.reasons)) {
          sum.reasons[why] = (sum.reasons[why] ?? 0) + count;
        }
      } else if (!times.has(key)) sum[key] += value as number;
      else if (key.startsWith('first')) sum[key] = earlier(sum[key], value as number);
      else sum[key] = Math.max(sum[key], value as number);
    }
  }
  return sum;
}

function earlier(one: number, other: number): number {
  return one === 0 || (other !== 0 && other < one) ? other : one;
}
