/**
 * Clients of the lab. Lines in: `open N` opens N connections to the VIP and prints the names of the balancers, sorted;
 * `talk` sends a word through every connection opened so far and prints how many came back, and how many ended.
 */
import { once } from 'node:events';
import net from 'node:net';
import { createInterface } from 'node:readline';

interface Client {
  readonly socket: net.Socket;
  ended: boolean;
}

const clients: Client[] = [];

async function open(): Promise<string> {
  const socket = net.connect({ host: '10.77.0.100', port: 9000 });
  const client: Client = { socket, ended: false };
  socket.on('error', () => socket.destroy()).on('close', () => (client.ended = true));
  const [hello] = (await once(socket, 'data')) as [Buffer];
  clients.push(client);
  return hello.toString().trim();
}

/** Whether the word came back; false when the connection ends instead. */
async function talk({ socket }: Client): Promise<boolean> {
  const answer = new Promise<boolean>((resolve) => {
    socket.once('data', (data) => resolve(data.toString() === 'word\n'));
    socket.once('close', () => resolve(false));
  });
  socket.write('word\n');
  return answer;
}

for await (const line of createInterface({ input: process.stdin })) {
  const [command, count] = line.split(' ');
  if (command === 'open') {
    const names = await Promise.all(Array.from({ length: Number(count) }, open));
    console.log(`opened ${names.toSorted().join(' ')}`);
  } else {
    const answers = await Promise.all(clients.filter(({ ended }) => !ended).map(talk));
    const ended = clients.filter((client) => client.ended).length;
    console.log(`talked ${answers.filter(Boolean).length} ended ${ended}`);
  }
}
