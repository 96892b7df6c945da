/**
 * A client of the lab with the address argv[2]. Lines in: `bulk MIB` opens a connection to the VIP, sends as much and
 * prints whether the same came back; `connect` prints how a connect ends; `hold` opens a connection that stays;
 * `talk` sends a word through that one and prints whether it came back or how the connection ended.
 */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { createInterface } from 'node:readline';

const [, , localAddress = ''] = process.argv;
let held: net.Socket | undefined;

function connect(): net.Socket {
  return net.connect({ host: '10.77.0.100', port: 9000, localAddress });
}

async function bulk(bytes: number): Promise<string> {
  const socket = connect();
  const [hello] = (await once(socket, 'data')) as [Buffer];
  const sent = randomBytes(bytes);
  const received = createHash('sha256');
  let count = 0;
  socket.on('data', (data: Buffer) => {
    received.update(data);
    count += data.length;
    if (count >= bytes) socket.end();
  });
  socket.write(sent);
  await once(socket, 'close');
  const same = received.digest('hex') === createHash('sha256').update(sent).digest('hex');
  return `bulk ${hello.toString().trim()} ${same ? 'came back' : 'was damaged'}`;
}

async function end(socket: net.Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.on('error', ({ code }: NodeJS.ErrnoException) => resolve(`ended ${code ?? ''}`));
    socket.on('connect', () => resolve('connected'));
    socket.on('data', () => resolve('talked'));
  });
}

async function hold(): Promise<string> {
  held = connect();
  await once(held, 'data');
  return 'held';
}

async function talk(): Promise<string> {
  const outcome = end(held!);
  held!.write('x'.repeat(9_000));
  return outcome;
}

for await (const line of createInterface({ input: process.stdin })) {
  const [command, count] = line.split(' ');
  if (command === 'bulk') console.log(await bulk(Number(count) * 1_048_576));
  if (command === 'connect') console.log(await end(connect()));
  if (command === 'hold') console.log(await hold());
  if (command === 'talk') console.log(await talk());
}
