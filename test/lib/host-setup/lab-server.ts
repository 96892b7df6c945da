/** Answers each connection to port 9000 with the number of bytes it sent and their SHA-256, once it sent all. */
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';

createServer({ allowHalfOpen: true }, (socket) => {
  const hash = createHash('sha256');
  let bytes = 0;
  socket.on('data', (data) => {
    hash.update(data);
    bytes += data.length;
  });
  socket.on('end', () => socket.end(`${bytes} ${hash.digest('hex')}`));
  socket.on('error', () => {});
}).listen(9000, '::', () => console.log('listening'));
