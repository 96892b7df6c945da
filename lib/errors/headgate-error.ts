import { catalogue, type ErrorCode } from './catalogue/index.ts';

export interface HeadgateErrorOptions {
  /** What this error was caused by; becomes the next link of the printed chain. */
  readonly cause?: unknown;
  /** Overrides the catalogue's cure where the place knows better. Imperative, no full stop. */
  readonly cure?: string;
  /** Machine-readable facts (booleans, numbers, names) so that nobody parses the message. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

/**
 * The one error class of headgate. `code` is stable and listed in docs/errors.md; `message` says what failed and
 * why in lower case without a full stop; `cure` says what to do.
 */
export class HeadgateError extends Error {
  override readonly name = 'HeadgateError';
  readonly code: ErrorCode;
  readonly cure: string;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: HeadgateErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.cure = options.cure ?? catalogue[code].cure;
    this.facts = options.facts ?? {};
  }
}

/** Whether `error` is a HeadgateError, optionally with the given code. */
export function isHeadgateError(error: unknown, code?: ErrorCode): error is HeadgateError {
  return error instanceof HeadgateError && (code === undefined || error.code === code);
}
