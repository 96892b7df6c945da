/**
 * What net.Socket does not publish or not get right: its descriptor, reading switched on and off at once, and RST at any
 * moment. Everything of this engine that depends on Node's inside is in this file; tried on Node 20 and 24.
 */
import { Socket, type Server, type SocketConstructorOpts } from 'node:net';

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

/** Ends a connection with RST. Bytes the kernel has not taken are dropped, those it has taken and not sent too. */
export function resetSocket(socket: Socket): void {
  if (socket.destroyed) return;
  if (socket.connecting) {
    socket.destroy();
  } else if (socket.writableEnded && !socket.writableFinished && socket.writableLength === 0) {
    // While its shutdown is under way, for a turn of the event loop, libuv refuses RST (EINVAL in uv_tcp_close_reset),
    // and Node would then lose the handle with its descriptor open.
    socket.once('finish', () => socket.resetAndDestroy());
  } else {
    socket.resetAndDestroy();
  }
}

/**
 * A socket to connect, of a descriptor that is bound already, or a new one. `manualStart` keeps the constructor from
 * reading what is not connected; connect() starts it.
 */
export function socketToConnect(options: SocketConstructorOpts, bound: number | undefined): Socket {
  if (bound === undefined) return new Socket(options);
  const withDescriptor: SocketConstructorOpts & { manualStart: boolean } = {
    ...options,
    fd: bound,
    manualStart: true,
  };
  return new Socket(withDescriptor);
}
