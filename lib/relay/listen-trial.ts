import { createServer } from 'node:net';
import { listenFailure } from './failures.ts';
import type { ListenSpec } from './types.ts';

/**
 * Listens for a moment, sharing with nobody, to find out whether a relay could. Rejects with HEADGATE_RELAY_PORT_TAKEN,
 * _ADDRESS_NOT_LOCAL, _PORT_FORBIDDEN or _LISTEN_FAILED.
 */
export function tryListening(spec: Pick<ListenSpec, 'service' | 'endpoint'>): Promise<void> {
  const { host, port } = spec.endpoint;
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error) => reject(listenFailure(spec, error)));
    server.listen({ host, port, exclusive: true, ipv6Only: true }, () => server.close(() => resolve()));
  });
}
