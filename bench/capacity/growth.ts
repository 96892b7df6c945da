/** What a connection, a login and a message cost in a run beside what they cost in a smaller one. */
import type { RunResult } from './result.ts';
import type { ByTier } from './tiers.ts';

/** A connection may cost so much more in the larger run. */
export const growthMost = 1.15;

export interface Growth {
  readonly what: string;
  readonly tier: string;
  readonly before: number;
  readonly now: number;
  readonly ratio: number;
}

/** The CPU time of all processes of a machine, and memory of all of them and its kernel, are what bounds it. */
function costs({ establish, talk, push, bytesPerConnection }: RunResult): Readonly<Record<string, ByTier>> {
  return {
    'CPU s per 1,000 logins': establish?.cpuPer1000 ?? {},
    'CPU s per 1,000 messages': talk?.cpuPer1000 ?? {},
    'CPU s per 1,000 pushed messages': push?.cpuPer1000 ?? {},
    'process bytes per connection': bytesPerConnection?.process ?? {},
    'kernel bytes per connection': { slab: bytesPerConnection?.kernel['slab'] ?? 0 },
  };
}

/** Each cost of each tier in `now` beside the one in `before`; those of which there is next to nothing are left out. */
export function growthOf(before: RunResult, now: RunResult): Growth[] {
  const old = costs(before);
  return Object.entries(costs(now)).flatMap(([what, byTier]) =>
    Object.entries(byTier).flatMap(([tier, value]) => {
      const was = old[what]?.[tier] ?? 0;
      const isLittle = tier === 'ksoftirqd' || was <= 0 || value <= 0;
      return isLittle ? [] : [{ what, tier, before: was, now: value, ratio: value / was }];
    }),
  );
}

export function growthLines(growth: readonly Growth[]): string[] {
  const digits = (value: number): string => (value < 10 ? value.toFixed(3) : value.toFixed(0));
  return growth.map(({ what, tier, before, now, ratio }) => {
    const mark = ratio > growthMost ? '  more than 15 % dearer' : '';
    return `${`${what}, ${tier}`.padEnd(46)}${digits(before).padStart(9)}${digits(now).padStart(9)}${ratio.toFixed(2).padStart(7)}${mark}`;
  });
}
