/** What went wrong with etcd, and what that means for the next step. Pure. */
import { errnoCode, HeadgateError } from '../errors/index.ts';
import type { Answer } from './transport.ts';

/**
 * `elsewhere`: another endpoint may do better; `login`: a new token may do; `final`: neither.
 */
export interface Trouble {
  readonly next: 'elsewhere' | 'login' | 'final';
  readonly error: HeadgateError;
}

/** Codes of gRPC that the gateway passes on (grpc/codes). */
const invalidArgument = 3;
const deadlineExceeded = 4;
const permissionDenied = 7;
const failedPrecondition = 9;
const unavailable = 14;
const unauthenticated = 16;

/** What `post` rejected with. */
export function networkTrouble(name: string, cause: unknown): Trouble {
  const code = errnoCode(cause) ?? '';
  const message = cause instanceof Error ? cause.message : '';
  const isTls =
    /CERT|SELF_SIGNED|VERIFY|ISSUER|^ERR_(TLS|SSL)|ALTNAME|EPROTO/.test(code) ||
    /alert|certificate/i.test(message);
  const error = isTls
    ? new HeadgateError('HEADGATE_ETCD_TLS', `${name}: TLS failed`, { cause })
    : new HeadgateError('HEADGATE_ETCD_UNREACHABLE', `${name} does not answer`, { cause });
  return { next: 'elsewhere', error };
}

/** What an answer other than 200 means. */
export function answerTrouble(name: string, { status, body, text: whole }: Answer): Trouble {
  if (typeof body !== 'object' || body === null) {
    const start = whole
      .slice(0, 200)
      .replace(/\p{Cc}+/gu, ' ')
      .trim();
    const why = `${name} does not answer as etcd (HTTP ${status})${start === '' ? '' : `: ${start}`}`;
    return { next: 'elsewhere', error: new HeadgateError('HEADGATE_ETCD_PROTOCOL', why) };
  }
  const { code, error, message } = body as Readonly<Record<string, unknown>>;
  const said = (typeof message === 'string' ? message : typeof error === 'string' ? error : '').slice(0, 200);
  const text = `${name} says: ${said === '' ? `HTTP ${status}` : said.replace(/\p{Cc}+/gu, ' ')}`;
  if (code === unauthenticated || /invalid auth token|revision in header is old/.test(said))
    return { next: 'login', error: new HeadgateError('HEADGATE_ETCD_AUTH', text) };
  if (
    code === permissionDenied ||
    /user name is empty|invalid user ID or password|permission denied/.test(said)
  )
    return { next: 'final', error: new HeadgateError('HEADGATE_ETCD_AUTH', text) };
  if (code === unavailable || code === deadlineExceeded || status >= 500 || /no leader|timed out/.test(said))
    return { next: 'elsewhere', error: new HeadgateError('HEADGATE_ETCD_UNREACHABLE', text) };
  return { next: 'final', error: new HeadgateError('HEADGATE_ETCD_REFUSED', text) };
}

/** Whether the answer says that etcd asks nobody for a user. */
export function saysNoUsers({ body }: Answer): boolean {
  if (typeof body !== 'object' || body === null) return false;
  const { code, error } = body as Readonly<Record<string, unknown>>;
  return (
    (code === failedPrecondition || code === invalidArgument) &&
    typeof error === 'string' &&
    error.includes('authentication is not enabled')
  );
}
