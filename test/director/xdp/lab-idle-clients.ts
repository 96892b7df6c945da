/**
 * Clients of the lab that never say a word: opens argv[2] connections to the VIP, prints `opened` and the names of the
 * balancers, then `ended NAME CODE` whenever one ends.
 */
import { once } from 'node:events';
import net from 'node:net';

const names = await Promise.all(
  Array.from({ length: Number(process.argv[2]) }, async () => {
    const socket = net.connect({ host: '10.77.0.100', port: 9000 });
    const [hello] = (await once(socket, 'data')) as [Buffer];
    const name = hello.toString().trim();
    let code = 'FIN';
    socket.on('error', (error: NodeJS.ErrnoException) => (code = error.code ?? error.message));
    socket.on('close', () => console.log(`ended ${name} ${code}`));
    return name;
  }),
);
console.log(`opened ${names.toSorted().join(' ')}`);
