/** A balancer of the lab, for its clients: says its name argv[2], then echoes; holds connections for ever. */
import net from 'node:net';

const [, , name = ''] = process.argv;
net
  .createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.write(`${name}\n`);
    socket.pipe(socket);
  })
  .listen(9000, '0.0.0.0', () => console.log('listening'));
