/**
 * Raw IP sockets: the npm package raw-socket (optional, native) behind a typed door. It is loaded when the first socket
 * is opened; its errors are bare strings and its checksum function is unsafe, so nobody else touches it.
 */
export { whyNoRawSockets } from './probe.ts';
export {
  openRawSocket,
  type RawSocket,
  type RawSocketOptions,
  type RawSocketStats,
  type Sent,
} from './raw-socket.ts';
