/** Connecting to a control server. */
import type { Socket } from 'node:net';
import { formatEndpoint, type Endpoint } from '../address/index.ts';
import { systemClock, type Clock } from '../clock/index.ts';
import { HeadgateError, isHeadgateError } from '../errors/index.ts';
import { clientHandshake } from './client-handshake.ts';
import { connectTcp } from './connect-tcp.ts';
import { Connection } from './connection.ts';
import { helloBody, readHello } from './hello.ts';
import type { ControlKeys } from './key-ring.ts';
import { controlLimits, type ControlLimits } from './limits.ts';
import type { ControlConnection, PeerIdentity } from './types.ts';
import { isKnownCode, type WireError } from './wire-error.ts';

interface CommonOptions {
  /** For everything from TCP to the answered hello. */
  readonly timeoutMs: number;
  readonly clock?: Clock;
  readonly limits?: Partial<ControlLimits>;
  /** Gives the attempt up; it then rejects with HEADGATE_CONTROL_CLOSED. Means nothing once connected. */
  readonly signal?: AbortSignal;
}

export interface ConnectControlOptions extends CommonOptions {
  readonly endpoint: Endpoint;
  readonly key: ControlKeys;
  readonly cluster: string;
  /** Our own name, told to the server. */
  readonly node: string;
  /** Name of the node that has to answer; default: any node of the cluster may. */
  readonly expectedNode?: string;
}

/**
 * Resolves when both ends have proved the key and the server has answered our hello. Rejects with
 * HEADGATE_CONTROL_REFUSED, _UNREACHABLE, _TIMEOUT, _KEY_MISMATCH, _CLUSTER_MISMATCH, _NODE_MISMATCH, _PROTOCOL, _BUSY
 * or _CLOSED.
 */
export async function connectControl(options: ConnectControlOptions): Promise<ControlConnection> {
  const { endpoint, key, cluster, node } = options;
  const name = formatEndpoint(endpoint);
  return connect(endpoint, name, { cluster, node }, options, async (socket, limits) =>
    clientHandshake({ socket, keys: key, name, greetingBytes: limits.greetingBytes }),
  );
}

/** Connects to a node's unix socket, without key and TLS. Rejects as connectControl does. */
export async function connectLocal(
  path: string,
  timeoutMs: number,
  options: Omit<CommonOptions, 'timeoutMs'> = {},
): Promise<ControlConnection> {
  const local: PeerIdentity = { cluster: '', node: 'local' };
  return connect(path, path, local, { ...options, timeoutMs }, async (socket) => Promise.resolve(socket));
}

async function connect(
  target: Endpoint | string,
  name: string,
  identity: PeerIdentity,
  options: CommonOptions & Pick<ConnectControlOptions, 'expectedNode'>,
  secure: (socket: Socket, limits: ControlLimits) => Promise<Socket>,
): Promise<ControlConnection> {
  const { clock = systemClock, timeoutMs, signal } = options;
  const limits = { ...controlLimits, ...options.limits };
  const startedMs = clock.now();
  const socket = await connectTcp(target, { timeoutMs, clock, ...(signal && { signal }) });
  let stopped: HeadgateError | undefined;
  const stop = (error: HeadgateError): void => {
    stopped ??= error;
    socket.destroy();
  };
  const leftMs = Math.max(0, timeoutMs - (clock.now() - startedMs));
  const timer = clock.after(leftMs, () => {
    const message = `${name} accepted the connection but did not finish the handshake within ${timeoutMs} ms`;
    stop(new HeadgateError('HEADGATE_CONTROL_TIMEOUT', message));
  });
  const abort = (): void =>
    stop(new HeadgateError('HEADGATE_CONTROL_CLOSED', `the connection to ${name} was given up`));
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted === true) abort();
  try {
    const stream = await secure(socket, limits);
    const connection = new Connection({ stream, name, clock, limits });
    const answer = await connection.hello(helloBody(identity), timeoutMs, (error) => refusal(name, error));
    const wrong = wrongAnswer(name, readHello(answer), options.expectedNode);
    if (wrong === undefined) return connection;
    connection.abort('protocol', wrong.message);
    throw wrong;
  } catch (error) {
    socket.destroy();
    throw stopped ?? error;
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', abort);
  }
}

/** Why the answer to our hello is not the one of the node we want. */
function wrongAnswer(
  name: string,
  answerer: PeerIdentity | undefined,
  expected: string | undefined,
): HeadgateError | undefined {
  if (answerer === undefined)
    return new HeadgateError('HEADGATE_CONTROL_PROTOCOL', `${name} did not say who it is`);
  const { node } = answerer;
  if (expected === undefined || node === expected) return undefined;
  return new HeadgateError(
    'HEADGATE_CONTROL_NODE_MISMATCH',
    `${node} answers at ${name} instead of ${expected}`,
    {
      cure: `start ${expected}; if ${node} had this control port before, it keeps it until it is restarted`,
      facts: { node, expected },
    },
  );
}

/** Whether an attempt failed because the node is not there: nothing listens at its control port, or another node does. */
export function isNotThere(error: unknown): boolean {
  return (
    isHeadgateError(error, 'HEADGATE_CONTROL_REFUSED') ||
    isHeadgateError(error, 'HEADGATE_CONTROL_NODE_MISMATCH')
  );
}

function refusal(name: string, { code, message, cure }: WireError): HeadgateError {
  const kept = isKnownCode(code) ? code : 'HEADGATE_CONTROL_PROTOCOL';
  return new HeadgateError(kept, `${name} refused us: ${message}`, cure === '' ? {} : { cure });
}
