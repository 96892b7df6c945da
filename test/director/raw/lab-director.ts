/**
 * A raw plane of the lab, in mode argv[2] for VIP argv[3] with balancers argv[4] (addresses, comma-separated) from hosts
 * argv[5] (comma-separated). Prints `ready`. Lines in: `dead b1`, `drained b1`, `well` change health; `stats` prints them.
 */
import { createInterface } from 'node:readline';
import { createRawPlane, type RawMode } from '../../../director/raw/index.ts';
import { systemClock } from '../../../lib/clock/index.ts';
import { pino } from 'pino';
import { balancer, service, table, topology } from '../fixtures.ts';

const [, , mode = '', vip = '', balancers = '', hosts = ''] = process.argv;
const plane = createRawPlane({
  hosts: hosts.split(','),
  clock: systemClock,
  random: Math.random,
  log: pino(),
  modeOf: () => mode as RawMode,
});
const nodes = balancers.split(',').map((host, index) => balancer(`b${index + 1}`, { host }));
const chat = service('chat', { listen: { host: vip, port: 9000 } });

async function apply(word: string, name: string): Promise<void> {
  const id = nodes.find((node) => node.name === name);
  const changed =
    id === undefined ? {} : { [`${id.name}@${id.host}`]: { dead: true, state: 'down' as const } };
  const drained = nodes.map((node) =>
    word === 'drained' && node.name === name ? { ...node, state: 'drain' as const } : node,
  );
  await plane.apply(table(topology(drained, [chat]), { health: word === 'dead' ? changed : {} }));
}

await apply('well', '');
console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const [word = '', name = ''] = line.split(' ');
  if (word !== 'stats') await apply(word, name);
  console.log(`${word} ${JSON.stringify(plane.stats())}`);
}
