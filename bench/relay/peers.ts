/** Relays under measurement: ours, by engine, and those people use. Each is one event loop. */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Endpoint } from '../../lib/address/index.ts';
import { until } from '../../test/until.ts';
import { connects, haproxyHead } from '../foreign.ts';

export const peers = ['uring', 'node', 'nginx', 'haproxy'] as const;
export type PeerName = (typeof peers)[number];

/** A relay that runs. */
export interface RunningRelay {
  /** The process that does the work. */
  readonly pid: number;
  /** Gives back what memory it can at once. */
  settle(): Promise<void>;
  stop(): Promise<void>;
}

/** Throws when the relay does not run: a bench without its peers proves nothing. */
export async function startRelay(
  name: PeerName,
  listen: Endpoint,
  server: Endpoint,
  nodeOptions: readonly string[] = [],
): Promise<RunningRelay> {
  switch (name) {
    case 'uring':
    case 'node':
      return startOurs(name, listen, server, nodeOptions);
    case 'nginx':
      return startForeign(listen, nginxConfig(listen, server), (file) => ['nginx', '-c', file], true);
    case 'haproxy':
      return startForeign(listen, haproxyConfig(listen, server), (file) => ['haproxy', '-f', file], false);
  }
}

async function startOurs(
  name: string,
  listen: Endpoint,
  server: Endpoint,
  nodeOptions: readonly string[],
): Promise<RunningRelay> {
  const args = [name, listen.host, `${listen.port}`, server.host, `${server.port}`];
  const child = fork(new URL('relay-process.js', import.meta.url), args, {
    execArgv: ['--expose-gc', ...nodeOptions],
  });
  await once(child, 'message');
  return {
    pid: child.pid!,
    async settle() {
      child.send('collect');
      await once(child, 'message');
    },
    stop: () => stop(child),
  };
}

async function startForeign(
  listen: Endpoint,
  config: string,
  command: (file: string) => string[],
  hasWorker: boolean,
): Promise<RunningRelay> {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-bench-'));
  const file = path.join(folder, 'config');
  writeFileSync(file, config.replaceAll('FOLDER', folder));
  const [program = '', ...args] = command(file);
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  await Promise.race([failed, until(() => connects(listen), `${program} listens`)]);
  const pid = hasWorker ? childOf(child.pid!) : child.pid!;
  return {
    pid,
    settle: () => Promise.resolve(),
    async stop() {
      await stop(child, 'SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}

function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]);
}

const nginxConfig = (listen: Endpoint, server: Endpoint): string => `
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
worker_processes 1;
pid FOLDER/pid;
error_log /dev/null;
events { worker_connections 19900; }
stream {
  server {
    listen ${listen.host}:${listen.port} backlog=4096 so_keepalive=on;
    tcp_nodelay on;
    proxy_timeout 1h;
    proxy_pass ${server.host}:${server.port};
  }
}
`;

const haproxyConfig = (listen: Endpoint, server: Endpoint): string => `${haproxyHead('5s')}
listen bench
  bind ${listen.host}:${listen.port} backlog 4096
  server one ${server.host}:${server.port}
`;
