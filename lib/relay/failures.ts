import { formatEndpoint } from '../address/index.ts';
import { errnoCode, HeadgateError, type ErrorCode } from '../errors/index.ts';
import type { Destination, EndReason, ListenSpec } from './types.ts';

/** This process or host has no more descriptors: no other destination would help. */
const exhaustedCodes = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']);
/** The fault is here, but another destination may do (ephemeral ports run out per destination). */
const localCodes = new Set([...exhaustedCodes, 'EADDRNOTAVAIL', 'EADDRINUSE', 'EAGAIN']);
/** What the kernel reports for a peer that vanished: its own timeout, or the last ICMP error heard before it. */
const vanishedCodes = new Set(['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN']);

/** Whether `error` says that descriptors or kernel memory ran out. */
export function isExhaustion(error: unknown): boolean {
  const code = errnoCode(error);
  return code !== undefined && exhaustedCodes.has(code);
}

/** Why a connection ended whose `side` failed with `error`. Whatever is not a timeout counts as a reset. */
export function endReasonOf(side: 'client' | 'destination', error: unknown): EndReason {
  return vanishedCodes.has(errnoCode(error) ?? '') ? `${side}-timeout` : `${side}-reset`;
}

/** Tells a router of a connect that failed with a system error. */
export function connectFailure(destination: Destination, cause: unknown): HeadgateError {
  const code = errnoCode(cause);
  const isLocal = code !== undefined && localCodes.has(code);
  if (code === 'ETIMEDOUT') return connectTimeout(destination, cause);
  const facts = { destination: destination.id, code, exhausted: isExhaustion(cause) };
  const kind = isLocal ? 'HEADGATE_RELAY_CONNECT_LOCAL' : 'HEADGATE_RELAY_CONNECT_REFUSED';
  return new HeadgateError(kind, `connect to ${name(destination)}`, { cause, facts });
}

/** Tells a router of a connect that took too long. */
export function connectTimeout(destination: Destination, cause?: unknown): HeadgateError {
  const facts = { destination: destination.id };
  return new HeadgateError(
    'HEADGATE_RELAY_CONNECT_TIMEOUT',
    `connect to ${name(destination)}: no answer in time`,
    {
      facts,
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

/** Tells a router that its answer is not needed any more. */
export function abandoned(reason: EndReason): HeadgateError {
  return reason === 'closed'
    ? new HeadgateError('HEADGATE_RELAY_CLOSED', 'the relay was closed')
    : new HeadgateError('HEADGATE_RELAY_CLIENT_GONE', 'the client left before it was connected');
}

const listenCodes: Readonly<Record<string, ErrorCode>> = {
  EADDRINUSE: 'HEADGATE_RELAY_PORT_TAKEN',
  EADDRNOTAVAIL: 'HEADGATE_RELAY_ADDRESS_NOT_LOCAL',
  EACCES: 'HEADGATE_RELAY_PORT_FORBIDDEN',
};

/** The error of a listener that could not start; `cause` is the system's, or lib/linux's. */
export function listenFailure(spec: Pick<ListenSpec, 'service' | 'endpoint'>, cause: unknown): HeadgateError {
  const fact = cause instanceof HeadgateError ? cause.facts['code'] : undefined;
  const code = typeof fact === 'string' ? fact : errnoCode(cause);
  const kind = listenCodes[code ?? ''] ?? 'HEADGATE_RELAY_LISTEN_FAILED';
  const message = `service ${spec.service}: cannot listen on ${formatEndpoint(spec.endpoint)}`;
  return new HeadgateError(kind, message, { cause, facts: { service: spec.service, code } });
}

function name({ id, endpoint }: Destination): string {
  return `${id} (${formatEndpoint(endpoint)})`;
}
