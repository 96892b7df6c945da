/** What clients saw of a balancer's end, out of what they printed. */

export type ClientLine =
  | { readonly what: 'ready'; readonly servers: Readonly<Record<string, number>> }
  | { readonly what: 'ended'; readonly server: string; readonly atMs: number }
  | {
      readonly what: 'came';
      readonly begunMs: number;
      readonly tookMs: number;
      readonly server: string | null;
      readonly failure?: string;
    };

export interface Outcome {
  /** Clients that stayed connected to the balancer that ended. */
  readonly bereaved: number;
  /** When the first, the middle and the last of them was told; undefined: nobody was, in the time observed. */
  readonly toldMs: readonly [first: number, middle: number, last: number] | undefined;
  readonly told: number;
  /** Others that lost their connection. Not expected. */
  readonly othersLost: number;
  /** Newcomers since the event that got no server. */
  readonly failed: number;
  /** Why, and how many. */
  readonly failures: Readonly<Record<string, number>>;
  /** When the last newcomer came that got no server, or waited for longer than `slowMs`; 0: none did. */
  readonly affectedUntilMs: number;
  readonly slowestMs: number;
}

/** A newcomer that waits for so long met a server that is gone. */
export const slowMs = 1_000;

/** All times count from `eventMs`. */
export function outcomeOf(lines: readonly ClientLine[], victim: string, eventMs: number): Outcome {
  const ready = lines.find((line) => line.what === 'ready');
  const ended = lines.filter((line) => line.what === 'ended').filter(({ atMs }) => atMs >= eventMs);
  const told = ended
    .filter(({ server }) => server === victim)
    .map(({ atMs }) => atMs - eventMs)
    .toSorted((a, b) => a - b);
  const came = lines.filter((line) => line.what === 'came').filter(({ begunMs }) => begunMs >= eventMs);
  const affected = came.filter(({ server, tookMs }) => server === null || tookMs > slowMs);
  return {
    bereaved: ready?.servers[victim] ?? 0,
    toldMs: told.length === 0 ? undefined : [told[0]!, told[told.length >> 1]!, told.at(-1)!],
    told: told.length,
    othersLost: ended.length - told.length,
    failed: came.filter(({ server }) => server === null).length,
    failures: counted(came.flatMap(({ server, failure }) => (server === null ? [failure ?? 'unknown'] : []))),
    affectedUntilMs: Math.max(0, ...affected.map(({ begunMs }) => begunMs - eventMs)),
    slowestMs: Math.max(0, ...came.map(({ tookMs }) => tookMs)),
  };
}

function counted(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
