/** A balancer of the lab, for its clients: says its name argv[2] and the client's address, then echoes; keeps half-open ends. */
import net from 'node:net';

const [, , name = ''] = process.argv;
net
  .createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.write(`${name} ${socket.remoteAddress}\n`);
    socket.pipe(socket);
  })
  .listen(9000, '::', () => console.log('listening'));
