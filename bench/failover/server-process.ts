/**
 * A server on a host: `node server-process.js HOST PORT [NAME]`. Tells its name, or without one the address of whoever connects,
 * to him, and keeps the connection until he leaves. Prints `listens`.
 */
import { createServer } from 'node:net';

const [, , host = '', port, name] = process.argv;
createServer((socket) => {
  socket.on('error', () => socket.destroy()).resume();
  socket.write(name ?? `${socket.remoteAddress}`);
}).listen({ host, port: Number(port), backlog: 4_096 }, () => console.log('listens'));
