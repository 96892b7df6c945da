/**
 * What net.Socket has and does not publish: its descriptor, reading switched on and off at once, and RST. Everything
 * of this engine that depends on Node's inside is in this file; tried on Node 20 and 24.
 */
import type { Server, Socket } from 'node:net';

interface Handle {
  readonly fd?: number;
  readStop(): number;
  readStart(): number;
}

function handleOf(of: Socket | Server): Handle | null {
  return (of as unknown as { _handle?: Handle | null })._handle ?? null;
}

/** The descriptor; undefined when it is closed, or the platform has none. */
export function descriptorOf(of: Socket | Server): number | undefined {
  const fd = handleOf(of)?.fd;
  return fd === undefined || fd < 0 ? undefined : fd;
}

/**
 * Stops reading now. socket.pause() would still take in one more read of up to 64 KiB, which no bound on what a
 * connection holds could allow for. The stream stays in flowing mode and keeps believing that its handle reads, so
 * nothing but startReading() restarts it.
 */
export function stopReading(socket: Socket): void {
  handleOf(socket)?.readStop();
}

/** Reads again after stopReading(). Destroys the socket with an error when that fails. */
export function startReading(socket: Socket): void {
  const code = handleOf(socket)?.readStart() ?? 0;
  if (code !== 0) socket.destroy(new Error(`reading could not be resumed (libuv ${code})`));
}

/**
 * Ends a connection with RST. Bytes the kernel has not taken are dropped, those it has taken and not sent too.
 * socket.resetAndDestroy() will not do: it waits until everything is written, then sends FIN, then RST, so that the peer
 * sees a regular end.
 */
export function resetSocket(socket: Socket): void {
  if (socket.destroyed) return;
  if (socket.connecting) {
    socket.destroy();
  } else if (socket.writableEnded && !socket.writableFinished && socket.writableLength === 0) {
    // libuv refuses RST (EINVAL) while its shutdown is under way, which takes one turn of the event loop.
    socket.once('finish', () => destroyWithReset(socket));
  } else {
    destroyWithReset(socket);
  }
}

function destroyWithReset(socket: Socket): void {
  // The mark by which resetAndDestroy() tells destroy() to close with RST.
  (socket as unknown as { resetAndClosing: boolean }).resetAndClosing = true;
  socket.destroy();
}
