/** The client's part from TCP to TLS: reads the greeting, proves our key, checks that the server proved it. */
import type { Socket } from 'node:net';
import tls from 'node:tls';
import { errnoCode, HeadgateError } from '../errors/index.ts';
import { keyStatement, statedKeyId } from './greeting.ts';
import type { ControlKeys } from './key-ring.ts';
import type { ControlKey } from './key.ts';
import { tlsSettings } from './tls-settings.ts';

export interface ClientHandshake {
  readonly socket: Socket;
  readonly keys: ControlKeys;
  /** The node's endpoint, for messages. */
  readonly name: string;
  readonly greetingBytes: number;
}

/**
 * Rejects with HEADGATE_CONTROL_PROTOCOL, _KEY_MISMATCH or _CLOSED. Does not time out: destroying the socket ends it.
 * Of our keys the one that the server greets with is used, else the one we present: while the secret is changed the
 * server may accept it all the same, and if not it learns and logs our id.
 */
export async function clientHandshake(handshake: ClientHandshake): Promise<tls.TLSSocket> {
  const { keys, name } = handshake;
  const theirId = await readGreeting(handshake);
  const key = keys.accepted.find(({ id }) => id === theirId) ?? keys.presented;
  try {
    return await proveKey(handshake, key);
  } catch (error) {
    if (theirId === key.id) throw error;
  }
  throw new HeadgateError(
    'HEADGATE_CONTROL_KEY_MISMATCH',
    `our key id is ${key.id}, the one of ${name} is ${theirId}`,
    {
      facts: { ourKeyId: key.id, theirKeyId: theirId },
    },
  );
}

/** The server's key id. Nothing may follow its line: the server speaks again only after us. */
async function readGreeting({ socket, name, greetingBytes }: ClientHandshake): Promise<string> {
  let text = '';
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      socket.off('data', received).off('close', closed).pause();
      act();
    };
    const received = (chunk: Buffer): void => {
      text += chunk.toString('latin1', 0, greetingBytes + 1);
      const id = text.endsWith('\n') ? statedKeyId(text.slice(0, -1)) : undefined;
      if (id !== undefined) settle(() => resolve(id));
      else if (text.includes('\n') || text.length > greetingBytes)
        settle(() => reject(notHeadgate(name, text)));
    };
    const closed = (): void => settle(() => reject(closedEarly(name, 'before it greeted')));
    socket.on('data', received).on('close', closed);
    if (socket.destroyed) closed();
  });
}

function notHeadgate(name: string, text: string): HeadgateError {
  const start = JSON.stringify(text.slice(0, 24));
  return new HeadgateError(
    'HEADGATE_CONTROL_PROTOCOL',
    `${name} does not greet as headgate/1, it begins with ${start}`,
  );
}

function closedEarly(name: string, when: string): HeadgateError {
  return new HeadgateError('HEADGATE_CONTROL_CLOSED', `${name} closed the connection ${when}`);
}

async function proveKey({ socket, name }: ClientHandshake, key: ControlKey): Promise<tls.TLSSocket> {
  if (socket.destroyed) throw closedEarly(name, 'after it greeted');
  return new Promise((resolve, reject) => {
    const stream = tls.connect({
      ...tlsSettings,
      socket,
      pskCallback: () => ({ identity: keyStatement(key.id), psk: key.psk }),
      // Only asked when the server came with a certificate instead of the key.
      checkServerIdentity: () => new Error('a certificate is not accepted'),
    });
    // Stays for good: an error after the handshake must find a listener even before the stream has an owner.
    stream.on('error', () => stream.destroy());
    const settle = (act: () => void): void => {
      stream.off('secureConnect', secured).off('error', failed).off('close', closed);
      act();
    };
    const refuse = (error: HeadgateError): void => {
      stream.destroy();
      settle(() => reject(error));
    };
    const secured = (): void => {
      // With TLS 1.3 a handshake by pre-shared key counts as resumed; anything else proved no key.
      if (stream.isSessionReused()) settle(() => resolve(stream));
      else refuse(unproven(name, 'it came with a certificate'));
    };
    const failed = (error: Error): void => {
      const code = errnoCode(error) ?? '';
      if (isErrno(code)) refuse(closedEarly(name, `during the handshake (${code})`));
      else refuse(unproven(name, code === '' ? error.message : code));
    };
    const closed = (): void => refuse(closedEarly(name, 'during the handshake'));
    stream.on('secureConnect', secured).on('error', failed).on('close', closed);
  });
}

/** Whether a code is one of the kernel (ECONNRESET), not one of Node or OpenSSL (ERR_SSL_…, DEPTH_ZERO_…). */
function isErrno(code: string): boolean {
  return /^E[A-Z0-9]+$/.test(code);
}

function unproven(name: string, why: string): HeadgateError {
  return new HeadgateError(
    'HEADGATE_CONTROL_PROTOCOL',
    `${name} did not prove our key in the TLS handshake: ${why}`,
  );
}
