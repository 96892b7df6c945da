/**
 * Clients on a host: `node clients-process.js HOST PORT STAYING PER_SECOND`. STAYING of them stay connected; others come at a
 * steady rate, learn their server and leave. Prints a JSON line for each that ends; times are CLOCK_MONOTONIC in ms.
 */
import net from 'node:net';
import { Newcomers } from '../reload/newcomers.ts';

const [, , host = '', port, staying, perSecond] = process.argv;
const to = { host, port: Number(port) };
const monotonicMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();
const now = (): number => performance.now() + monotonicMs;
const tell = (what: object): void => console.log(JSON.stringify(what));

async function stay(): Promise<string> {
  const socket = net.connect(to);
  let server = '';
  const greeted = new Promise<void>((resolve, reject) => {
    socket.once('data', (data: Buffer) => {
      server = data.toString();
      resolve();
    });
    socket.once('close', () => reject(new Error(`closed without a word: ${why}`)));
  });
  let why = 'the server ended it';
  socket.on('error', ({ message }) => (why = message)).once('end', () => socket.destroy());
  await greeted;
  socket.resume().once('close', () => tell({ what: 'ended', server, atMs: now() }));
  return server;
}

const servers: Record<string, number> = {};
for (let count = 0; count < Number(staying); count++) {
  const server = await stay();
  servers[server] = (servers[server] ?? 0) + 1;
}
const newcomers = new Newcomers(to, Number(perSecond), ({ begunMs, doneMs, server, failure }) =>
  tell({
    what: 'came',
    begunMs: begunMs + monotonicMs,
    tookMs: doneMs - begunMs,
    server: server ?? null,
    failure,
  }),
);
newcomers.begin();
tell({ what: 'ready', servers });
