/** Listening on TCP and on a unix socket, with errors for people. */
import { lstat, unlink } from 'node:fs/promises';
import net from 'node:net';
import { formatEndpoint, type Endpoint } from '../address/index.ts';
import { errnoCode, HeadgateError } from '../errors/index.ts';

/** Longest path of a unix socket on Linux, bytes: sun_path has 108 with the closing NUL (unix(7)). */
const longestPathBytes = 107;

/** Connections that may wait to be accepted. */
const backlog = 511;

/** Listens on TCP; resolves with the endpoint, whose port is the real one when 0 was asked for. */
export async function listenTcp(server: net.Server, endpoint: Endpoint): Promise<Endpoint> {
  const name = formatEndpoint(endpoint);
  try {
    await listening(server, () => server.listen({ host: endpoint.host, port: endpoint.port, backlog }));
  } catch (error) {
    switch (errnoCode(error)) {
      case 'EADDRINUSE':
        throw new HeadgateError('HEADGATE_CONTROL_PORT_TAKEN', `control port ${name} is taken`, {
          cure: `stop what listens on port ${endpoint.port}, or give this node another port with control: in the topology`,
          facts: { port: endpoint.port },
        });
      case 'EADDRNOTAVAIL':
        throw new HeadgateError(
          'HEADGATE_CONTROL_ADDRESS',
          `${endpoint.host} is not an address of this machine`,
        );
      default:
        throw new HeadgateError('HEADGATE_CONTROL_LISTEN', `cannot listen on ${name}`, { cause: error });
    }
  }
  const address = server.address();
  return typeof address === 'object' && address !== null
    ? { host: endpoint.host, port: address.port }
    : endpoint;
}

/** Listens for a moment to find out whether a control server could. Rejects as listenTcp(). */
export async function tryControlPort(endpoint: Endpoint): Promise<void> {
  const server = net.createServer((socket) => socket.destroy());
  await listenTcp(server, endpoint);
  await new Promise<void>((resolve) => void server.close(() => resolve()));
}

/**
 * Listens on a unix socket that has mode 0600 from its first moment. A socket file that a dead process left
 * behind is replaced; one that somebody listens on, or a file of another kind, is an error. Node removes the
 * file when the server closes.
 */
export async function listenUnix(server: net.Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > longestPathBytes) {
    throw new HeadgateError(
      'HEADGATE_CONTROL_LISTEN',
      `the socket path ${path} is longer than ${longestPathBytes} bytes`,
    );
  }
  try {
    await bindPrivately(server, path);
  } catch (error) {
    if (errnoCode(error) !== 'EADDRINUSE') throw cannotListen(path, error);
    await removeStale(path);
    try {
      await bindPrivately(server, path);
    } catch (second) {
      throw cannotListen(path, second);
    }
  }
}

function cannotListen(path: string, cause: unknown): HeadgateError {
  return new HeadgateError('HEADGATE_CONTROL_LISTEN', `cannot listen on ${path}`, { cause });
}

/** listen() on a path binds before it returns, so the file is never there with another mode. */
async function bindPrivately(server: net.Server, path: string): Promise<void> {
  await listening(server, () => {
    const before = process.umask(0o177);
    try {
      server.listen({ path, backlog });
    } finally {
      process.umask(before);
    }
  });
}

async function listening(server: net.Server, start: () => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const settle = (error?: Error): void => {
      server.off('listening', settle);
      server.off('error', settle);
      if (error === undefined) resolve();
      else reject(error);
    };
    server.once('listening', settle);
    server.once('error', settle);
    start();
  });
}

/** Removes a socket file on which nobody listens. */
async function removeStale(path: string): Promise<void> {
  let isSocket;
  try {
    isSocket = (await lstat(path)).isSocket();
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return;
    throw cannotListen(path, error);
  }
  if (!isSocket) {
    throw new HeadgateError(
      'HEADGATE_CONTROL_LISTEN',
      `cannot listen on ${path}: it exists and is not a socket`,
      {
        cure: 'remove the file or choose another path',
      },
    );
  }
  const code = await connectCode(path);
  if (code === 'ENOENT') return;
  if (code !== 'ECONNREFUSED') {
    throw new HeadgateError('HEADGATE_CONTROL_PORT_TAKEN', `another process listens on ${path}`, {
      cure: 'stop the other process, or run this node under another name',
    });
  }
  await unlink(path);
}

/** The error code of connecting to `path`; empty when somebody is there. */
async function connectCode(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve('');
    });
    socket.once('error', (error) => resolve(errnoCode(error) ?? ''));
  });
}
