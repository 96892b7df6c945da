/** HAProxy, as a balancer of TCP connections. */
import path from 'node:path';
import { formatEndpoint, type Endpoint } from '../../lib/address/index.ts';
import { startProgram, type Program, type Teardown } from '../processes.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { command, probeCommands, untilListening, type StartElsewhere } from './command.ts';

export const haproxyMissing = probeCommands('haproxy');

/** Passes connections on to `upstreams` in turn and prints a line when one ends. `acceptProxy`: demands a PROXY header (any version). */
export async function startHaproxy(
  t: Teardown,
  at: Endpoint,
  {
    upstreams,
    acceptProxy = false,
    start,
  }: {
    readonly upstreams: readonly Endpoint[];
    readonly acceptProxy?: boolean;
    readonly start?: StartElsewhere;
  },
): Promise<Program> {
  const folder = await temporaryFolder(t, {
    'haproxy.cfg': [
      'global',
      '  nbthread 1',
      // Connection records on standard output: %ci is the client's address, out of the PROXY header where there is one.
      '  log stdout format raw local0',
      'defaults',
      '  mode tcp',
      '  log global',
      '  log-format "%ci %cp %s"',
      '  timeout connect 5s',
      '  timeout client 1h',
      '  timeout server 1h',
      'listen chat',
      `  bind ${formatEndpoint(at)}${acceptProxy ? ' accept-proxy' : ''}`,
      '  balance roundrobin',
      ...upstreams.map((upstream, index) => `  server c${index + 1} ${formatEndpoint(upstream)}`),
      '',
    ].join('\n'),
  });
  const config = path.join(folder, 'haproxy.cfg');
  const argv = [command('haproxy'), '-db', '-f', config];
  const program = await (start?.(argv) ?? startProgram(t, argv));
  if (start === undefined) await untilListening(program, at);
  return program;
}
