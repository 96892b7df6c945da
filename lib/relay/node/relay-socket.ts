import type { Socket } from 'node:net';
import { linuxAvailable, isSyscallError, setUserTimeout } from '../../linux/index.ts';
import { keepaliveIdleMs } from '../keepalive.ts';
import type { RelaySettings } from '../types.ts';
import { descriptorOf } from './socket-handle.ts';

/** Whoever handles a socket's events at the moment: an opening, later a joint. */
export interface SocketOwner {
  received(socket: RelaySocket, chunk: Buffer): void;
  /** FIN came, after all bytes. */
  peerEnded(socket: RelaySocket): void;
  failed(socket: RelaySocket, error: Error): void;
  /** Everything written is with the kernel; asked for by whenDrained(). */
  drained(socket: RelaySocket): void;
  /** The descriptor is closed. */
  closed(socket: RelaySocket): void;
}

const owner = Symbol('owner');

/** A socket that knows its owner, so that one set of handlers serves all sockets without a closure each. */
export interface RelaySocket extends Socket {
  [owner]: SocketOwner;
}

/** Begins to send a socket's events to `by`, and to read. */
export function adopt(socket: Socket, by: SocketOwner): RelaySocket {
  const adopted = socket as RelaySocket;
  adopted[owner] = by;
  adopted.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose);
  return adopted;
}

/** From now on events go to `to`. */
export function handOver(socket: RelaySocket, to: SocketOwner): void {
  socket[owner] = to;
}

/** Calls the owner's drained() once, when what is written now is with the kernel. */
export function whenDrained(socket: RelaySocket): void {
  socket.once('drain', onDrain);
}

function onData(this: RelaySocket, chunk: Buffer): void {
  this[owner].received(this, chunk);
}

function onEnd(this: RelaySocket): void {
  this[owner].peerEnded(this);
}

function onError(this: RelaySocket, error: Error): void {
  this[owner].failed(this, error);
}

function onDrain(this: RelaySocket): void {
  this[owner].drained(this);
}

function onClose(this: RelaySocket): void {
  this[owner].closed(this);
}

let userTimeoutWorks = true;

/** No delay, keepalive and user timeout, as the settings say. */
export function tune(socket: Socket, settings: RelaySettings): void {
  socket.setNoDelay(true);
  const idleMs = keepaliveIdleMs(settings);
  if (idleMs > 0) socket.setKeepAlive(true, idleMs);
  const fd = descriptorOf(socket);
  if (settings.userTimeoutMs <= 0 || fd === undefined || !userTimeoutWorks || !linuxAvailable().available)
    return;
  try {
    setUserTimeout(fd, settings.userTimeoutMs);
  } catch (error) {
    if (!isSyscallError(error)) throw error;
    // Kernels in user space (gVisor) may not know the option; as elsewhere without it, keepalive has to do.
    userTimeoutWorks = false;
  }
}
