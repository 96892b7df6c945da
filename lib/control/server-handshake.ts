/** The server's part from accept to TLS: greets, checks that the client holds our key. */
import type { Socket } from 'node:net';
import tls from 'node:tls';
import { errnoCode } from '../errors/index.ts';
import { greetingLine, keyStatement, statedKeyId } from './greeting.ts';
import type { ControlKeys } from './key-ring.ts';
import { tlsSettings } from './tls-settings.ts';

/** How a handshake can end, apart from the client going away without a word. */
export type HandshakeResult =
  | { readonly kind: 'secure'; readonly stream: tls.TLSSocket; readonly keyId: string }
  /** `theirId` is undefined when the ids agree but the keys do not, or the client names none. */
  | { readonly kind: 'key-refused'; readonly theirId: string | undefined }
  | { readonly kind: 'garbage'; readonly why: string };

/**
 * Runs the handshake on an accepted socket; `done` is called at most once. The socket needs an 'error' listener.
 * Each connection gets a TLS server object of its own (0.1 ms, 11 KiB): it is the documented way to know which
 * socket a result belongs to, and as ticket keys are never shared, no session can be resumed.
 */
export function serverHandshake(
  socket: Socket,
  keys: ControlKeys,
  done: (result: HandshakeResult) => void,
): void {
  socket.write(greetingLine(keys.presented.id));
  // Whoever says nothing costs no TLS. What has been read by then is taken over (tls.TLSSocket, as for STARTTLS).
  socket.once('readable', () => {
    if (socket.readableLength > 0) secure(socket, keys, done);
    else socket.destroy();
  });
}

function secure(socket: Socket, { accepted }: ControlKeys, done: (result: HandshakeResult) => void): void {
  let keyId = '';
  let keyRefused: { readonly theirId: string | undefined } | undefined;
  const server = tls.createServer({
    ...tlsSettings,
    pskCallback(_stream, identity) {
      const key = accepted.find(({ id }) => identity === keyStatement(id));
      if (key !== undefined) {
        keyId = key.id;
        return key.psk;
      }
      keyRefused = { theirId: statedKeyId(identity) };
      return null;
    },
  });
  server.on('secureConnection', (stream) => done({ kind: 'secure', stream, keyId }));
  server.on('tlsClientError', (error) => {
    const code = errnoCode(error) ?? '';
    if (code === 'ERR_SSL_BINDER_DOES_NOT_VERIFY') keyRefused ??= { theirId: undefined };
    if (keyRefused !== undefined) done({ kind: 'key-refused', ...keyRefused });
    // Any other code (ECONNRESET, EPIPE) says only that the client, or our own limit, ended it.
    else if (code.startsWith('ERR_')) done({ kind: 'garbage', why: `the TLS handshake failed (${code})` });
    socket.destroy();
  });
  server.emit('connection', socket);
}
