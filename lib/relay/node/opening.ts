import type { Socket } from 'node:net';
import { boundSocket, linuxAvailable } from '../../linux/index.ts';
import type { Endpoint } from '../../address/index.ts';
import { HeadgateError } from '../../errors/index.ts';
import type { Admission } from '../admission.ts';
import { Opening, type Joining } from '../opening.ts';
import type { Destination } from '../types.ts';
import type { RelayCore } from './core.ts';
import { Joint } from './joint.ts';
import { adopt, tune, type RelaySocket, type SocketOwner } from './relay-socket.ts';
import { resetSocket, socketToConnect, startReading, stopReading } from './socket-handle.ts';

/**
 * The drain event must come for every byte left unsent, whatever the mark: write() asks for it when more is unsent than
 * the high-water mark allows. Bounds are kept by the joint, not by the stream.
 */
export const socketOptions = { allowHalfOpen: true, highWaterMark: 1 } as const;

/** The sockets of an opening; a joint takes them over. */
export class NodeOpening extends Opening {
  readonly #core: RelayCore;
  readonly #clientSocket: RelaySocket;
  /** Payload that came early; reading is stopped while there is any, so at most one read. */
  #held: Buffer | undefined;
  #clientEnded = false;
  #destinationSocket: RelaySocket | undefined;
  readonly #owner: SocketOwner = {
    received: (socket, chunk) => {
      if (socket === this.#clientSocket) this.received(chunk);
    },
    peerEnded: (socket) => {
      if (socket === this.#clientSocket && this.clientEnded()) this.#clientEnded = true;
    },
    failed: (socket, error) => {
      if (socket === this.#clientSocket) this.clientFailed();
      else if (socket === this.#destinationSocket) this.connectFailed(error);
    },
    closed: (socket) => {
      if (socket === this.#clientSocket) this.clientFailed();
    },
    drained: () => {
      // Nothing is written before there is a joint.
    },
  };

  constructor(core: RelayCore, spec: Admission, socket: Socket, source: Endpoint, destination: Endpoint) {
    super(core, spec, source, destination);
    this.#core = core;
    tune(socket, spec.settings);
    this.#clientSocket = adopt(socket, this.#owner);
  }

  protected override connect(destination: Destination): void {
    const bound = boundDescriptor(destination.localAddress);
    const socket = adopt(socketToConnect(socketOptions, bound), this.#owner);
    this.#destinationSocket = socket;
    socket.once('connect', () => {
      if (socket === this.#destinationSocket) this.connected();
    });
    const { endpoint, localAddress } = destination;
    socket.connect(
      localAddress === undefined || bound !== undefined ? endpoint : { ...endpoint, localAddress },
    );
  }

  protected override dropDestination(): void {
    this.#destinationSocket?.destroy();
    this.#destinationSocket = undefined;
  }

  protected override resetClient(): void {
    resetSocket(this.#clientSocket);
    this.#held = undefined;
  }

  protected override hold(payload: Buffer): void {
    this.#held = this.#held === undefined ? payload : Buffer.concat([this.#held, payload]);
    stopReading(this.#clientSocket);
  }

  protected override join({ client, destination, startedMs, retries }: Joining): void {
    const clientSocket = this.#clientSocket;
    const destinationSocket = this.#destinationSocket!;
    const { settings } = this.spec;
    tune(destinationSocket, settings);
    const joint = new Joint(this.#core, {
      client,
      destination,
      clientSocket,
      destinationSocket,
      settings,
      startedMs,
      retries,
    });
    if (destination.preface !== undefined && destination.preface.length > 0)
      destinationSocket.write(destination.preface);
    if (this.#held !== undefined) {
      startReading(clientSocket);
      joint.received(clientSocket, this.#held);
      this.#held = undefined;
    }
    if (this.#clientEnded) joint.peerEnded(clientSocket);
  }
}

/**
 * A socket bound to an address but to no port: Node itself binds both, and then a port serves one destination only.
 * Undefined where there are no system calls. Throws a system error, as connect() reports it.
 */
function boundDescriptor(localAddress: string | undefined): number | undefined {
  if (localAddress === undefined || !linuxAvailable().available) return undefined;
  try {
    return boundSocket(localAddress);
  } catch (error) {
    const code = error instanceof HeadgateError ? error.facts['code'] : undefined;
    throw typeof code === 'string'
      ? Object.assign(new Error(`bind ${code} ${localAddress}`), { code })
      : error;
  }
}
