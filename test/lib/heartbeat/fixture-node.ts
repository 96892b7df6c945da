/** A node that answers beats, as a process of its own: prints its port, ends with its parent. Arguments: host. */
import { pino } from 'pino';
import { ControlKey, createControlServer } from '../../../lib/control/index.ts';
import { createResponder } from '../../../lib/heartbeat/index.ts';

const server = createControlServer({
  key: ControlKey.fromSecret(Buffer.from('a secret that only the tests know')),
  cluster: 'chat',
  node: 'b1',
  log: pino({ level: 'silent' }),
});
const services = { chat: { state: 'serving' as const, connections: 1 } };
createResponder({
  server,
  reply: () => ({ services, connections: 1, topology: 'abc' }),
  intervalMs: () => 1_000,
});
await server.listen({ host: process.argv[2]!, port: 0 });
process.stdout.write(`${server.endpoints()[0]!.port}\n`);
process.stdin.on('end', () => process.exit(0)).resume();
