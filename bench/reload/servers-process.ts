/**
 * Servers behind the measured balancers: `node servers-process.js NAME@HOST:PORT…`. Each tells its name, one character, to whoever
 * connects and waits for him to leave. Says `ready` to its parent and ends with it.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';

for (const argument of process.argv.slice(2)) {
  const [, name = '', host = '', port] = /^(.)@(.*):(\d+)$/.exec(argument) ?? [];
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy()).resume();
    socket.write(name);
  });
  server.listen({ host, port: Number(port), backlog: 4_096 });
  await once(server, 'listening');
}
process.on('disconnect', () => process.exit());
process.send?.('ready');
