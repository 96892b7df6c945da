/** What is reloaded: headgate's director alone, both tiers of it, HAProxy and nginx. Each is one event loop per tier. */
import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { formatEndpoint, type Endpoint } from '../../lib/address/index.ts';
import { startCluster, type ClusterSpec, type Entries } from '../../test/cluster.ts';
import { startProgram, type Program, type Teardown } from '../../test/processes.ts';
import { temporaryFolder } from '../../test/temporary-folder.ts';
import { until } from '../../test/until.ts';
import { connects, haproxyHead } from '../foreign.ts';

/** Servers by name. */
export type Servers = Readonly<Record<string, Endpoint>>;

export interface Contender {
  /** Resolves when the change is written and told. */
  reload(servers: Servers): Promise<void>;
}

export const contenders = {
  'headgate director': startDirector,
  'headgate, both tiers': startTiers,
  haproxy: startHaproxy,
  nginx: startNginx,
} as const satisfies Readonly<
  Record<string, (t: Teardown, at: Endpoint, servers: Servers) => Promise<Contender>>
>;
export type ContenderName = keyof typeof contenders;

/** Nobody is asked whether it lives, neither here nor by the others. */
const unwatched = { probe: 'off' } as const;

function host(at: Endpoint, last: number): string {
  return at.host.replace(/\d+$/, `${last}`);
}

async function startDirector(t: Teardown, at: Endpoint, servers: Servers): Promise<Contender> {
  const spec = (now: Servers): ClusterSpec => ({
    services: { bench: { listen: formatEndpoint(at), forwarding: 'proxy' } },
    directors: { d1: { host: host(at, 201) } },
    balancers: entries(now, ({ host: own, port }) => ({ host: own, port, heartbeat: unwatched })),
    chatservers: { c1: { address: `${host(at, 203)}:7000`, heartbeat: unwatched } },
  });
  const cluster = await startCluster(t, spec(servers));
  return { reload: (now) => cluster.rewrite(spec(now)) };
}

async function startTiers(t: Teardown, at: Endpoint, servers: Servers): Promise<Contender> {
  const spec = (now: Servers): ClusterSpec => ({
    services: { bench: { listen: formatEndpoint(at), forwarding: 'proxy' } },
    directors: { d1: { host: host(at, 201) } },
    balancers: { b1: { host: host(at, 202), workers: 1 } },
    chatservers: entries(now, (address) => ({ address: formatEndpoint(address), heartbeat: unwatched })),
  });
  const cluster = await startCluster(t, spec(servers));
  return { reload: (now) => cluster.rewrite(spec(now)) };
}

function entries(servers: Servers, entry: (at: Endpoint) => object): Entries {
  return Object.fromEntries(Object.entries(servers).map(([name, at]) => [name, { ...entry(at) }]));
}

async function startHaproxy(t: Teardown, at: Endpoint, servers: Servers): Promise<Contender> {
  return startForeign(t, at, servers, haproxyConfig, (file) => ['haproxy', '-W', '-f', file], 'SIGUSR2');
}

async function startNginx(t: Teardown, at: Endpoint, servers: Servers): Promise<Contender> {
  return startForeign(t, at, servers, nginxConfig, (file) => ['nginx', '-c', file], 'SIGHUP');
}

async function startForeign(
  t: Teardown,
  at: Endpoint,
  servers: Servers,
  config: (at: Endpoint, servers: Servers, folder: string) => string,
  command: (file: string) => string[],
  signal: NodeJS.Signals,
): Promise<Contender> {
  const folder = await temporaryFolder(t);
  const file = path.join(folder, 'config');
  await writeFile(file, config(at, servers, folder));
  const program: Program = await startProgram(t, command(file));
  await until(() => connects(at), {
    describe: `${program.argv[0]} to listen`,
    hopeless: () => program.ending,
  });
  return {
    async reload(now) {
      await writeFile(`${file}.new`, config(at, now, folder));
      await rename(`${file}.new`, file);
      program.signal(signal);
    },
  };
}

const haproxyConfig = (
  at: Endpoint,
  servers: Servers,
  folder: string,
): string => `${haproxyHead('5s', [`stats socket ${folder}/stats expose-fd listeners`])}
listen bench
  bind ${formatEndpoint(at)} backlog 4096
  balance roundrobin
${each(servers, (name, to) => `  server ${name} ${to}`)}
`;

const nginxConfig = (at: Endpoint, servers: Servers, folder: string): string => `
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
worker_processes 1;
pid ${folder}/pid;
error_log /dev/null;
events { worker_connections 9900; }
stream {
  upstream servers {
${each(servers, (_name, to) => `    server ${to};`)}
  }
  server {
    listen ${formatEndpoint(at)} backlog=4096;
    tcp_nodelay on;
    proxy_timeout 1h;
    proxy_pass servers;
  }
}
`;

function each(servers: Servers, line: (name: string, to: string) => string): string {
  return Object.entries(servers)
    .map(([name, to]) => line(name, formatEndpoint(to)))
    .join('\n');
}
