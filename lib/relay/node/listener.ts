import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { canonicalAddress, type Endpoint } from '../../address/index.ts';
import { HeadgateError } from '../../errors/index.ts';
import { linuxAvailable, listeningSocket } from '../../linux/index.ts';
import { admit } from '../admission.ts';
import { isExhaustion, listenFailure } from '../failures.ts';
import type { ListenSettings, ListenSpec, RelayListener } from '../types.ts';
import { drainAcceptQueue } from './accept-queue.ts';
import type { RelayCore } from './core.ts';
import { NodeOpening, socketOptions } from './opening.ts';
import { descriptorOf, resetSocket } from './socket-handle.ts';

/** One listening socket and what its clients are to be given. */
export class NodeListener implements RelayListener {
  readonly spec: ListenSpec;
  readonly #core: RelayCore;
  readonly #server: Server;
  #current: ListenSpec;
  #accepts = 0;
  #closing: Promise<void> | undefined;
  readonly #registered = { close: () => this.closeNow() };

  private constructor(core: RelayCore, server: Server, spec: ListenSpec) {
    this.#core = core;
    this.#server = server;
    this.spec = spec;
    this.#current = spec;
    core.listeners.add(this.#registered);
    server.on('connection', (socket: Socket) => this.#accept(socket));
    server.on('error', (error) => {
      // A failed accept concerns one client, whom the kernel tells; the server goes on.
      if (isExhaustion(error)) core.stats.descriptorsExhausted++;
    });
  }

  /** Rejects with HEADGATE_RELAY_PORT_TAKEN, _ADDRESS_NOT_LOCAL, _PORT_FORBIDDEN, _REUSEPORT_UNAVAILABLE, _LISTEN_FAILED. */
  static async listen(core: RelayCore, spec: ListenSpec): Promise<NodeListener> {
    const server = createServer(socketOptions);
    try {
      await startListening(server, spec);
    } catch (error) {
      throw error instanceof HeadgateError && error.code !== 'HEADGATE_LINUX_SYSCALL'
        ? error
        : listenFailure(spec, error);
    }
    const { port } = server.address() as AddressInfo;
    return new NodeListener(core, server, { ...spec, endpoint: { ...spec.endpoint, port } });
  }

  get descriptor(): number | undefined {
    return descriptorOf(this.#server);
  }

  update(settings: ListenSettings): void {
    const { service, endpoint, backlog, reusePort } = this.spec;
    this.#current = { service, endpoint, backlog, reusePort, ...settings };
  }

  close(): Promise<void> {
    this.#closing ??= drainAcceptQueue(this.#server, () => this.#accepts).then(() => this.closeNow());
    return this.#closing;
  }

  /** Closes without looking at the accept queue. Idempotent. */
  closeNow(): void {
    this.#closing ??= Promise.resolve();
    // The callback would wait for the last connection; the listening socket itself is closed at once.
    if (this.#server.listening) this.#server.close();
    this.#core.listeners.delete(this.#registered);
  }

  #accept(socket: Socket): void {
    this.#accepts++;
    const { stats, limit } = this.#core;
    if (stats.connections >= limit) {
      stats.refusedFull++;
      refuse(socket);
    } else if (this.#core.isShortOfDescriptors(descriptorOf(socket))) {
      stats.descriptorsExhausted++;
      refuse(socket);
    } else {
      this.#open(socket);
    }
  }

  #open(socket: Socket): void {
    const source = endpointOf(socket.remoteAddress, socket.remotePort);
    const destination = endpointOf(socket.localAddress, socket.localPort);
    if (source === undefined || destination === undefined) {
      // Reset by the client while it waited to be accepted: there is nobody to serve and nothing to tell.
      refuse(socket);
      return;
    }
    const admission = admit(this.#current, source.host);
    if (admission === undefined) {
      this.#core.stats.refusedPeer++;
      refuse(socket);
      return;
    }
    new NodeOpening(this.#core, admission, socket, source, destination).start();
  }
}

async function startListening(server: Server, spec: ListenSpec): Promise<void> {
  const { endpoint, backlog, reusePort } = spec;
  let fd: number | undefined;
  if (reusePort) {
    const linux = linuxAvailable();
    if (!linux.available) {
      const message = `service ${spec.service}: cannot share a port: ${linux.reason}`;
      throw new HeadgateError('HEADGATE_RELAY_REUSEPORT_UNAVAILABLE', message);
    }
    fd = listeningSocket({ endpoint, reusePort });
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    const listening = (): void => {
      server.off('error', reject);
      resolve();
    };
    // With a descriptor Node reads the backlog from the second argument only.
    if (fd !== undefined) server.listen({ fd }, backlog, listening);
    else server.listen({ host: endpoint.host, port: endpoint.port, backlog, ipv6Only: true }, listening);
  });
}

function endpointOf(address: string | undefined, port: number | undefined): Endpoint | undefined {
  const host = address === undefined ? undefined : canonicalAddress(address);
  return host === undefined || port === undefined ? undefined : { host, port };
}

function refuse(socket: Socket): void {
  // Whatever happens to a connection that is being refused changes nothing.
  socket.on('error', () => undefined);
  resetSocket(socket);
}
