import type { SwarmOptions } from './swarm.ts';

/**
 * What a swarm in a process of its own is told, one JSON object per line. `id` comes back in the answer; `swarm` names one of
 * several in the process.
 */
export type SwarmCommand = { readonly id?: number; readonly swarm?: string } & (
  | ({ readonly do: 'open'; readonly timeoutMs?: number } & SwarmOptions)
  | { readonly do: 'say'; readonly count: number }
  | { readonly do: 'talk'; readonly everyMs: number }
  | { readonly do: 'hush' | 'report' | 'close' }
  | { readonly do: 'settled' | 'all-connected'; readonly timeoutMs?: number }
  | { readonly do: 'expect-losses'; readonly expected: boolean }
);

/** Its answer when the command is done, one line: a SwarmReport beside `ok: true`, or the error. */
export interface SwarmFailure {
  readonly id?: number;
  readonly ok: false;
  readonly error: string;
}
