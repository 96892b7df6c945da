/** redis-server and redis-cli. */
import type { Endpoint } from '../../lib/address/index.ts';
import { outputOf, startProgram, type Program, type Teardown } from '../processes.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { command, probeCommands } from './command.ts';

export const redisMissing = probeCommands('redis-server', 'redis-cli');

/** Resolves once it listens. Keeps nothing on disk. */
export async function startRedis(t: Teardown, { host, port }: Endpoint): Promise<Program> {
  const settings = {
    bind: host,
    port: String(port),
    dir: await temporaryFolder(t),
    save: '',
    appendonly: 'no',
    daemonize: 'no',
    'protected-mode': 'no',
  };
  const options = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]);
  const server = await startProgram(t, [command('redis-server'), ...options]);
  await server.line(/Ready to accept connections/);
  return server;
}

/** Runs one redis-cli; with `input`, the commands in it one per line. Rejects when it cannot connect. */
export function redisCli(
  { host, port }: Endpoint,
  args: readonly string[],
  { input = '' }: { readonly input?: string } = {},
): Promise<string> {
  return outputOf([command('redis-cli'), '-h', host, '-p', String(port), ...args], { input });
}

/** A redis-cli that prints what is published on `channel`; resolves once it is subscribed. */
export async function subscribe(t: Teardown, { host, port }: Endpoint, channel: string): Promise<Program> {
  const address = ['-h', host, '-p', String(port)];
  const subscriber = await startProgram(t, [command('redis-cli'), ...address, 'subscribe', channel]);
  await subscriber.line(/^1$/);
  return subscriber;
}
