/** How an error travels in the body of an error frame: `{"code": …, "message": …, "cure": …}`. */
import { catalogue, describeError, HeadgateError, isHeadgateError, type ErrorCode } from '../errors/index.ts';
import type { Json } from './types.ts';

export interface WireError {
  /** A code of the catalogue; empty when the error had none. */
  readonly code: string;
  readonly message: string;
  readonly cure: string;
}

/** Longest text in an error frame, characters. Far beyond any message of ours; the rest of a foreign one is cut. */
const longestText = 4_096;

/** What the other end is told of an error. */
export function toWire(error: unknown): Json {
  const own = isHeadgateError(error);
  return {
    code: own ? error.code : '',
    message: (own ? withCauses(error) : describeError(error)).slice(0, longestText),
    cure: own ? error.cure.slice(0, longestText) : '',
  };
}

/** The cause chain without the cure, which travels apart. */
function withCauses(error: HeadgateError): string {
  return error.cause === undefined ? error.message : `${error.message}: ${describeError(error.cause)}`;
}

/** Reads the body of an error frame; a body of another shape gives an error without text. */
export function fromWire(body: Json): WireError {
  const text = (name: string): string => {
    const value =
      body !== null && typeof body === 'object' && !Array.isArray(body)
        ? (body as Record<string, Json>)[name]
        : '';
    return typeof value === 'string' ? value.slice(0, longestText).replace(/\s+/g, ' ') : '';
  };
  return { code: text('code'), message: text('message') || 'no reason given', cure: text('cure') };
}

/** Whether a code that came over the wire is one this version knows. */
export function isKnownCode(code: string): code is ErrorCode {
  return Object.hasOwn(catalogue, code);
}
