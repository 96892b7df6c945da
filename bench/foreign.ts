/** What benches that run nginx and HAProxy share. */
import net from 'node:net';
import type { Endpoint } from '../lib/address/index.ts';

/** Connections of one of their processes where it may open 20,000 files: two for each. */
export const foreignConnections = 9_900;

/** Head of a configuration of HAProxy with one event loop; `global` adds to that section. */
export const haproxyHead = (connectTimeout: string, global: readonly string[] = []): string => `
global
  nbthread 1
  maxconn ${foreignConnections}
${global.map((line) => `  ${line}\n`).join('')}defaults
  mode tcp
  timeout connect ${connectTimeout}
  timeout client 1h
  timeout server 1h
`;

/** Whether somebody listens there. */
export function connects({ host, port }: Endpoint): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port });
    socket.once('connect', () => (socket.destroy(), resolve(true)));
    socket.once('error', () => resolve(false));
  });
}
