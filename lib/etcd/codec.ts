/**
 * Bodies of etcd's JSON gateway, both ways. Pure. Keys and values are base64, 64-bit numbers are decimal strings, and
 * fields that are 0, false or empty are left out (proto3 JSON mapping; etcd's rpc.proto).
 */

/** One value, and the revision of the store at which it was last written. */
export interface EtcdEntry {
  readonly value: string;
  readonly modRevision: bigint;
}

/** Some keys at one moment. */
export interface EtcdReading {
  /** Revision of the store: a watch from the next one on misses nothing. */
  readonly revision: bigint;
  /** In the order of the keys that were asked for; undefined: no such key. */
  readonly entries: readonly (EtcdEntry | undefined)[];
}

/** Some puts, done only if `key` still has its modRevision; 0: does not exist. */
export interface EtcdSwap {
  readonly key: string;
  readonly modRevision: bigint;
  readonly puts: ReadonlyMap<string, string>;
}

/** The outcome of a swap. `reading`: what the keys of the puts hold, in their order. */
export interface EtcdSwapped {
  readonly done: boolean;
  readonly reading: EtcdReading;
}

/** What a line of a watch says. */
export type WatchLine =
  | { readonly kind: 'created' | 'events' | 'progress'; readonly revision: bigint }
  /** The revision we asked for is gone; this is the oldest that can be watched. */
  | { readonly kind: 'compacted'; readonly revision: bigint }
  | { readonly kind: 'ended'; readonly why: string };

function encode(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

function ranges(keys: Iterable<string>) {
  return [...keys].map((key) => ({ request_range: { key: encode(key) } }));
}

/** Reads several keys in one transaction, so at one revision. */
export function readBody(keys: readonly string[]): object {
  return { success: ranges(keys) };
}

export function swapBody({ key, modRevision, puts }: EtcdSwap): object {
  return {
    compare: [{ key: encode(key), target: 'MOD', result: 'EQUAL', mod_revision: String(modRevision) }],
    success: [...puts].map(([name, value]) => ({ request_put: { key: encode(name), value: encode(value) } })),
    failure: ranges(puts.keys()),
  };
}

export function watchBody(key: string, startRevision: bigint): object {
  return { create_request: { key: encode(key), start_revision: String(startRevision) } };
}

/** The answer to readBody; undefined when it is none. */
export function readReading(body: unknown, count: number): EtcdReading | undefined {
  const revision = revisionOf(body);
  const responses = listIn(body, 'responses');
  if (revision === undefined || responses?.length !== count) return undefined;
  const entries: (EtcdEntry | undefined)[] = [];
  for (const response of responses) {
    const entry = entryOf(fieldIn(response, 'response_range'));
    if (entry === null) return undefined;
    entries.push(entry);
  }
  return { revision, entries };
}

/** The answer to swapBody; undefined when it is none. */
export function readSwapped(body: unknown, swap: EtcdSwap): EtcdSwapped | undefined {
  if (fieldIn(body, 'succeeded') !== true) {
    const reading = readReading(body, swap.puts.size);
    return reading && { done: false, reading };
  }
  const revision = revisionOf(body);
  if (revision === undefined) return undefined;
  const entries = [...swap.puts.values()].map((value) => ({ value, modRevision: revision }));
  return { done: true, reading: { revision, entries } };
}

/** A token for `Authorization`; undefined when the answer has none. */
export function readToken(body: unknown): string | undefined {
  const token = fieldIn(body, 'token');
  return typeof token === 'string' && /^[\x21-\x7e]{1,4096}$/.test(token) ? token : undefined;
}

/** One line of a watch; undefined when it is none. */
export function readWatchLine(line: unknown): WatchLine | undefined {
  const error = fieldIn(line, 'error');
  if (error !== undefined) return { kind: 'ended', why: textOf(fieldIn(error, 'message')) };
  const result = fieldIn(line, 'result');
  const compacted = numberOf(fieldIn(result, 'compact_revision'));
  if (compacted !== undefined && compacted > 0n) return { kind: 'compacted', revision: compacted };
  if (fieldIn(result, 'canceled') === true)
    return { kind: 'ended', why: textOf(fieldIn(result, 'cancel_reason')) };
  const revision = revisionOf(result);
  if (revision === undefined) return undefined;
  if (fieldIn(result, 'created') === true) return { kind: 'created', revision };
  const events = listIn(result, 'events') ?? [];
  return { kind: events.length > 0 ? 'events' : 'progress', revision };
}

/** `undefined`: no such key; `null`: not an answer to a range. */
function entryOf(range: unknown): EtcdEntry | undefined | null {
  if (range === undefined) return null;
  const [first] = listIn(range, 'kvs') ?? [];
  if (first === undefined) return undefined;
  const value = fieldIn(first, 'value') ?? '';
  const modRevision = numberOf(fieldIn(first, 'mod_revision'));
  if (typeof value !== 'string' || modRevision === undefined) return null;
  return { value: Buffer.from(value, 'base64').toString('utf8'), modRevision };
}

function revisionOf(body: unknown): bigint | undefined {
  return numberOf(fieldIn(fieldIn(body, 'header'), 'revision'));
}

function numberOf(value: unknown): bigint | undefined {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  return typeof value === 'string' && /^\d{1,19}$/.test(value) ? BigInt(value) : undefined;
}

function fieldIn(body: unknown, name: string): unknown {
  return typeof body === 'object' && body !== null && Object.hasOwn(body, name)
    ? (body as Record<string, unknown>)[name]
    : undefined;
}

function listIn(body: unknown, name: string): readonly unknown[] | undefined {
  const value = fieldIn(body, name);
  return Array.isArray(value) ? value : undefined;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : 'no reason given';
}
