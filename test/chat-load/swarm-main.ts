/**
 * A swarm in a process of its own, so that it can run on another host (in a network namespace):
 * `node dist/test/chat-load/swarm-main.js`. Commands come as JSON lines on standard input, each is answered by one
 * JSON line on standard output; it ends when the last swarm is closed, or with its input. swarm-commands.ts lists them.
 */
import { createInterface } from 'node:readline';
import { describeError } from '../../lib/errors/index.ts';
import type { SwarmCommand } from './swarm-commands.ts';
import { Swarm, type SwarmReport } from './swarm.ts';

const swarms = new Map<string, Swarm>();

async function carryOut(command: SwarmCommand): Promise<SwarmReport> {
  const name = command.swarm ?? '';
  let swarm = swarms.get(name);
  if (command.do === 'open') {
    if (swarm !== undefined) throw new Error('the swarm is open already');
    swarm = new Swarm(command);
    swarms.set(name, swarm);
    await swarm.open(command.timeoutMs);
    return swarm.report();
  }
  if (swarm === undefined) throw new Error('open comes first');
  switch (command.do) {
    case 'say':
      swarm.say(command.count);
      break;
    case 'talk':
      swarm.talk(command.everyMs);
      break;
    case 'hush':
      swarm.hush();
      break;
    case 'settled':
      await swarm.settled(command.timeoutMs);
      break;
    case 'all-connected':
      await swarm.allConnected(command.timeoutMs);
      break;
    case 'expect-losses':
      swarm.expectLosses(command.expected);
      break;
    case 'close':
      swarm.close();
      swarms.delete(name);
      break;
    case 'report':
      break;
  }
  return swarm.report();
}

for await (const line of createInterface({ input: process.stdin })) {
  let id: number | undefined;
  try {
    const command = JSON.parse(line) as SwarmCommand;
    id = command.id;
    const report = await carryOut(command);
    console.log(JSON.stringify({ id, ok: true, ...report }));
    if (command.do === 'close' && swarms.size === 0) break;
  } catch (error) {
    console.log(JSON.stringify({ id, ok: false, error: describeError(error) }));
  }
}
for (const swarm of swarms.values()) swarm.close();
process.stdin.destroy();
