/**
 * Connects to each address of argv, port 9000, sends argv[2] bytes and prints what the server says, or the error; then
 * the largest segment that each connection may send, as ss(8) tells it.
 */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';

const [, , size = '0', ...addresses] = process.argv;
const bytes = randomBytes(Number(size));
const expected = `${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`;

async function talk(host: string): Promise<void> {
  const verdict = await new Promise<string>((resolve) => {
    const socket = connect({ host, port: 9000, allowHalfOpen: true });
    let heard = '';
    let mss = '';
    socket.on('connect', () => {
      const query = ['-tinH', 'dst', host.includes(':') ? `[${host}]` : host];
      mss = /\bmss:(\d+)/.exec(execFileSync('ss', query, { encoding: 'utf8' }))?.[1] ?? '?';
      socket.end(bytes);
    });
    socket.setTimeout(20_000, () => socket.destroy(new Error('silence')));
    socket.on('data', (data) => (heard += String(data)));
    socket.on('end', () => resolve(heard === expected ? `whole, mss ${mss}` : `got ${heard}`));
    socket.on('error', (error) => resolve(error.message));
  });
  console.log(`${host} ${verdict}`);
}

await Promise.all(addresses.map(talk));
