/** nginx, as a web server for large files or as a balancer of TCP connections. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { formatEndpoint, type Endpoint } from '../../lib/address/index.ts';
import { startProgram, type Program, type Teardown } from '../processes.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { command, probeCommands, untilListening, type StartElsewhere } from './command.ts';

const streamModule = '/usr/lib/nginx/modules/ngx_stream_module.so';

export const nginxMissing = probeCommands('nginx', 'curl');
export const nginxStreamMissing = probeCommands('nginx', streamModule);

export interface Nginx {
  readonly program: Program;
  /** One line for each request or connection that has ended, in the form of its `log_format`. */
  records(): Promise<string[]>;
}

/** Serves the files of `root`. `proxyProtocol`: demands a PROXY header on each connection, and logs what it says. */
export function startNginxWeb(
  t: Teardown,
  at: Endpoint,
  { root, proxyProtocol = false }: { readonly root: string; readonly proxyProtocol?: boolean },
): Promise<Nginx> {
  return startNginx(t, at, [
    'http {',
    ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `  ${kind}_temp_path ${kind};`),
    `  log_format seen '$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port $uri';`,
    '  access_log access.log seen;',
    '  sendfile on;',
    '  server {',
    `    listen ${formatEndpoint(at)}${proxyProtocol ? ' proxy_protocol' : ''};`,
    `    root ${root};`,
    '  }',
    '}',
  ]);
}

/** Passes connections on to `upstreams` in turn and keeps a record of each that ended. `acceptProxy`: demands a PROXY header (any version). */
export function startNginxStream(
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
): Promise<Nginx> {
  const sections = [
    `load_module ${streamModule};`,
    'stream {',
    `  log_format seen '$proxy_protocol_addr $proxy_protocol_port $upstream_addr';`,
    '  access_log access.log seen;',
    '  upstream tier3 {',
    ...upstreams.map((upstream) => `    server ${formatEndpoint(upstream)};`),
    '  }',
    '  server {',
    `    listen ${formatEndpoint(at)}${acceptProxy ? ' proxy_protocol' : ''};`,
    '    proxy_pass tier3;',
    '  }',
    '}',
  ];
  return startNginx(t, at, sections, start);
}

async function startNginx(
  t: Teardown,
  at: Endpoint,
  sections: readonly string[],
  start?: StartElsewhere,
): Promise<Nginx> {
  const lines = [
    // A module is loaded before anything else may stand in the file.
    ...sections.filter((line) => line.startsWith('load_module')),
    'daemon off;',
    'master_process off;',
    'pid nginx.pid;',
    'error_log stderr warn;',
    'events { worker_connections 1024; }',
    ...sections.filter((line) => !line.startsWith('load_module')),
    '',
  ];
  const folder = await temporaryFolder(t, { 'nginx.conf': lines.join('\n') });
  const config = path.join(folder, 'nginx.conf');
  // -e: the compiled-in log file would be opened before the configuration is read.
  const argv = [command('nginx'), '-p', folder, '-e', 'stderr', '-c', config];
  const program = await (start?.(argv) ?? startProgram(t, argv));
  if (start === undefined) await untilListening(program, at);
  return {
    program,
    // A file: standard output is a socket here, which nginx cannot open by its path.
    async records() {
      return (await readFile(path.join(folder, 'access.log'), 'utf8')).split('\n').filter(Boolean);
    },
  };
}
