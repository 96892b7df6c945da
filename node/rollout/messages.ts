/** The requests of a roll-out on the control channel, and what is in them. docs/control-protocol.md describes them. */
import type { Json } from '../../lib/control/index.ts';
import { HeadgateError } from '../../lib/errors/index.ts';
import type { StageRequest } from './holding.ts';
import { readStamp, stampBody, type Stamp } from './stamp.ts';

/** `null` → RolloutStatus: what the node holds. */
export const stateMethod = 'topology-state';
/** `null` → `{stamp, hash, text}`: what the node runs, its own file's changes included. */
export const fetchMethod = 'topology-fetch';
/** `{stamp, base, text, by}` → `{}`: phase one. */
export const stageMethod = 'topology-stage';
/** `{id}` → `{}`: the applier is still there. */
export const renewMethod = 'topology-renew';
/** `{id}` → `{problem}`: phase two. */
export const switchMethod = 'topology-switch';
/** `{id}` → `{}`: forget what was staged. */
export const abortMethod = 'topology-abort';
/** `{stamp}` of the asking side → `{stamp, text}`, with the text when the answering side has the newer one, else null. */
export const exchangeMethod = 'topology-exchange';
/** `{stamp, text}` → `{stamp}`: take this if it is newer. */
export const offerMethod = 'topology-offer';

export const rolloutMethods: readonly string[] = [
  stateMethod,
  fetchMethod,
  stageMethod,
  renewMethod,
  switchMethod,
  abortMethod,
  exchangeMethod,
  offerMethod,
];

/** Longest text of a topology that is rolled out, bytes: it travels in one frame, with room for its JSON form. */
export const mostTextBytes = 512 * 1_024;

/** What a node tells of its topology. */
export interface RolloutStatus {
  readonly generation: number;
  readonly id: string;
  /** Content hash of the last roll-out it took. */
  readonly hash: string;
  /** True when its file was changed by hand since, so that it runs something else. */
  readonly local: boolean;
  readonly staged: {
    readonly generation: number;
    readonly id: string;
    readonly hash: string;
    readonly by: string;
  } | null;
  /** Why the running topology is not carried out whole; empty when all is well. */
  readonly applyProblem: string;
  /** Why the running topology is not on disk, or the file was not rewritten; empty when all is well. */
  readonly diskProblem: string;
}

export function stampOf({ generation, id, hash }: RolloutStatus): Stamp {
  return { generation, id, hash };
}

function badRequest(what: string): HeadgateError {
  return new HeadgateError('HEADGATE_ROLLOUT_REQUEST', what);
}

function record(body: Json): Readonly<Record<string, Json>> {
  if (body === null || typeof body !== 'object' || Array.isArray(body))
    throw badRequest('it is not an object');
  return body as Readonly<Record<string, Json>>;
}

function stampIn(value: Json | undefined, name: string): Stamp {
  const stamp = readStamp(value);
  if (stamp === undefined) throw badRequest(`${name} is no stamp`);
  return stamp;
}

function textIn(value: Json | undefined): string {
  if (typeof value !== 'string') throw badRequest('there is no text');
  if (Buffer.byteLength(value) > mostTextBytes) throw tooLarge();
  return value;
}

export function tooLarge(): HeadgateError {
  return new HeadgateError(
    'HEADGATE_ROLLOUT_TOO_LARGE',
    `the topology's text is longer than ${mostTextBytes} bytes`,
  );
}

export function readStage(body: Json): StageRequest {
  const { stamp, base, text, by } = record(body);
  if (typeof by !== 'string') throw badRequest('it does not say who rolls out');
  return {
    stamp: stampIn(stamp, 'stamp'),
    base: stampIn(base, 'base'),
    text: textIn(text),
    // Stands in messages and logs.
    by: by.replace(/\p{Cc}/gu, '').slice(0, 64),
  };
}

export function stageBody({ stamp, base, text, by }: StageRequest): Json {
  return { stamp: stampBody(stamp), base: stampBody(base), text, by };
}

export function readId(body: Json): string {
  const { id } = record(body);
  if (typeof id !== 'string') throw badRequest('it names no roll-out');
  return id;
}

export interface Offer {
  readonly stamp: Stamp;
  readonly text: string;
}

export function readOffer(body: Json): Offer {
  const { stamp, text } = record(body);
  return { stamp: stampIn(stamp, 'stamp'), text: textIn(text) };
}

/** The answer to an exchange. */
export function readExchange(body: Json): { readonly stamp: Stamp; readonly text: string | null } {
  const { stamp, text } = record(body);
  return { stamp: stampIn(stamp, 'stamp'), text: text === null ? null : textIn(text) };
}

export function readExchangeStamp(body: Json): Stamp {
  return stampIn(record(body)['stamp'], 'stamp');
}

/** The answer to a fetch. */
export interface Fetched {
  readonly stamp: Stamp;
  /** Content hash of the text. */
  readonly hash: string;
  readonly text: string;
}

export function readFetched(body: Json): Fetched {
  const { stamp, hash, text } = record(body);
  if (typeof hash !== 'string') throw badRequest('there is no hash');
  return { stamp: stampIn(stamp, 'stamp'), hash, text: textIn(text) };
}
