/** What the peers are told: as Debian's packages would be set up for this, with limits raised as far as processes may. */
import { foreignConnections, haproxyHead } from '../foreign.ts';
import { port, serverPort, vip, type TierHost } from './plan.ts';

const backlog = 16_384;

/** nginx stream as a balancer; FOLDER is replaced. */
export function nginxConfig(servers: readonly TierHost[], workers: number): string {
  return `
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
worker_processes ${workers};
worker_rlimit_nofile 20000;
pid FOLDER/pid;
error_log /dev/null;
events { worker_connections ${2 * foreignConnections}; }
stream {
  upstream chat {
${servers.map(({ host }) => `    server ${host}:${serverPort};`).join('\n')}
  }
  server {
    listen ${port} backlog=${backlog} reuseport so_keepalive=on;
    tcp_nodelay on;
    proxy_connect_timeout 2s;
    proxy_timeout 1h;
    proxy_pass chat;
  }
}
`;
}

const haproxyBase = `${haproxyHead('2s')}  option redispatch
  default-server check inter 1s fall 3 rise 2
`;

/** HAProxy as a balancer behind HAProxy. */
export function haproxyConfig(servers: readonly TierHost[]): string {
  return `${haproxyBase}
listen chat
  bind :${port} accept-proxy backlog ${backlog}
${servers.map(({ name, host }) => `  server ${name} ${host}:${serverPort}`).join('\n')}
`;
}

/** HAProxy as the director. */
export function haproxyDirectorConfig(balancers: readonly TierHost[]): string {
  return `${haproxyBase}
listen chat
  bind ${vip}:${port} backlog ${backlog}
${balancers.map(({ name, host }) => `  server ${name} ${host}:${port} send-proxy-v2 check-send-proxy`).join('\n')}
`;
}

/** Rules for nft(8): spreads by a hash of the client's address and port, and keeps its address. */
export function natRules(balancers: readonly TierHost[]): string {
  const places = balancers.map(({ host }, index) => `${index} : ${host}`).join(', ');
  return `
table ip balance {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    ip daddr ${vip} tcp dport ${port} dnat to jhash ip saddr . tcp sport mod ${balancers.length} map { ${places} }
  }
}
`;
}
