/** What the tests of the control channel share. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import net from 'node:net';
import type { ExecutionContext } from 'ava';
import { pino, type Logger } from 'pino';
import type { Endpoint } from '../../../lib/address/index.ts';
import {
  connectControl,
  ControlKey,
  createControlServer,
  type BoundControlServer,
  type ConnectControlOptions,
  type ControlConnection,
  type ControlServerOptions,
} from '../../../lib/control/index.ts';

export const key = ControlKey.fromSecret(Buffer.from('a secret that only the tests know'));
export const otherKey = ControlKey.fromSecret(Buffer.from('the secret of quite another cluster'));

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [fact: string]: unknown;
}

/** A logger that keeps its lines. */
export function memoryLog(): { readonly log: Logger; readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const log = pino({ level: 'debug' }, { write: (line) => void lines.push(JSON.parse(line) as LogLine) });
  return { log, lines };
}

export interface Served {
  readonly server: BoundControlServer;
  readonly endpoint: Endpoint;
  readonly lines: LogLine[];
}

/** A server on an ephemeral port, closed with the test. */
export async function serve(
  t: ExecutionContext,
  options: Partial<ControlServerOptions> & { readonly host?: string } = {},
): Promise<Served> {
  const { log, lines } = memoryLog();
  const server = createControlServer({ key, cluster: 'chat', node: 'b1', log, ...options });
  await server.listen({ host: options.host ?? '127.20.0.1', port: 0 });
  t.teardown(async () => server.close());
  return { server, endpoint: server.endpoints()[0]!, lines };
}

/** Connects as node d1 of cluster chat; closed with the test. */
export async function join(
  t: ExecutionContext,
  endpoint: Endpoint,
  options: Partial<ConnectControlOptions> = {},
): Promise<ControlConnection> {
  const connection = await connectControl({
    endpoint,
    key,
    cluster: 'chat',
    node: 'd1',
    timeoutMs: 10_000,
    ...options,
  });
  t.teardown(() => connection.close());
  return connection;
}

/** A bare TCP connection that keeps what it receives; destroyed with the test. */
export async function bareClient(
  t: ExecutionContext,
  { host, port }: Endpoint,
): Promise<{ readonly socket: net.Socket; readonly received: () => Buffer }> {
  const socket = net.connect({ host, port });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => socket.destroy());
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  return { socket, received: () => Buffer.concat(chunks) };
}

/** A TCP server that does with each connection what `serveOne` says; closed with the test. */
export async function bareServer(
  t: ExecutionContext,
  serveOne: (socket: net.Socket) => void,
): Promise<Endpoint> {
  const open = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => open.delete(socket));
    serveOne(socket);
  });
  t.teardown(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  server.listen(0, '127.20.0.2');
  await once(server, 'listening');
  return { host: '127.20.0.2', port: (server.address() as net.AddressInfo).port };
}

/** Open descriptors of this process. */
export function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** An endpoint on which nothing listens. */
export async function deadEndpoint(): Promise<Endpoint> {
  const server = net.createServer().listen(0, '127.20.0.3');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return { host: '127.20.0.3', port };
}

/** Bytes that differ in each run. */
export function noise(bytes: number): Buffer {
  return randomBytes(bytes);
}
