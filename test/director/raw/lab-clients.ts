/**
 * Clients of the lab at VIP argv[2]. Lines in: `open N` opens N connections and prints the greetings, sorted; `bulk BYTES`
 * sends so many bytes through each, shuts it down, and prints how many came back byte for byte and then ended with FIN; `talk`
 * sends a word through each and prints how many came back; `ended NAME CODE` is printed whenever one ends by itself.
 */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { createInterface } from 'node:readline';

const [, , host = ''] = process.argv;
interface Client {
  readonly socket: net.Socket;
  readonly name: string;
}
let clients: Client[] = [];

async function open(): Promise<Client> {
  const socket = net.connect({ host, port: 9000, allowHalfOpen: true });
  let name = '?';
  let code = 'FIN';
  socket.on('error', (error: NodeJS.ErrnoException) => (code = error.code ?? error.message));
  socket.on('close', () => console.log(`ended ${name.split(' ')[0]} ${code}`));
  const [hello] = (await once(socket, 'data')) as [Buffer];
  name = hello.toString().trim();
  return { socket, name };
}

async function bulk({ socket }: Client, bytes: number): Promise<boolean> {
  const sent = randomBytes(bytes);
  const received = createHash('sha256');
  socket.on('data', (chunk) => received.update(chunk));
  const ended = once(socket, 'end');
  socket.end(sent);
  await ended;
  return received.digest('hex') === createHash('sha256').update(sent).digest('hex');
}

async function talk({ socket }: Client): Promise<boolean> {
  const answer = new Promise<boolean>((resolve) => {
    socket.once('data', (data) => resolve(data.toString() === 'word'));
    socket.once('close', () => resolve(false));
  });
  socket.write('word');
  return answer;
}

for await (const line of createInterface({ input: process.stdin })) {
  const [word = '', count = ''] = line.split(' ');
  if (word === 'open') {
    const opened = await Promise.all(Array.from({ length: Number(count) }, open));
    clients.push(...opened);
    console.log(
      `opened ${opened
        .map(({ name }) => name)
        .toSorted()
        .join(', ')}`,
    );
  } else if (word === 'bulk') {
    const answers = await Promise.all(clients.map((client) => bulk(client, Number(count))));
    clients = [];
    console.log(`carried ${answers.filter(Boolean).length} of ${answers.length}`);
  } else {
    clients = clients.filter(({ socket }) => !socket.destroyed);
    const answers = await Promise.all(clients.map(talk));
    console.log(`talked ${answers.filter(Boolean).length} of ${answers.length}`);
  }
}
