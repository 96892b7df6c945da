/** Hosts with a balancer that will end: headgate in a way of forwarding, or HAProxy before servers. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NodeStatus } from '../../node/index.ts';
import { startCluster } from '../../test/cluster.ts';
import { createLab, type Lab } from '../../test/lab/index.ts';
import type { Teardown } from '../../test/processes.ts';
import { nodeStatus, statusOf, untilState } from '../../test/system/cluster-view.ts';
import { temporaryFolder } from '../../test/temporary-folder.ts';
import { until } from '../../test/until.ts';
import { haproxyHead } from '../foreign.ts';

export const vip = { host: '10.82.0.100', port: 9_000 };
const director = '10.82.0.1';
const balancers = { b1: '10.82.1.1', b2: '10.82.1.2', b3: '10.82.1.3' } as const;
const server = '10.82.2.1';
const names = ['b1', 'b2', 'b3'] as const;
/** As both sides look after their own by default, or are told to. */
export const settings = {
  headgate: { interval: '1s', misses: 3, rises: 2, deadAfter: '10s' },
  haproxy: 'check inter 1s fall 3 rise 2 on-marked-down shutdown-sessions',
} as const;

export interface Scene {
  readonly lab: Lab;
  /** What clients of the balancer on host b1 hear. */
  readonly victim: string;
}

const script = (name: string): string[] => [
  process.execPath,
  fileURLToPath(new URL(`${name}.js`, import.meta.url)),
];

function makeLab(t: Teardown): Promise<Lab> {
  const own = Object.fromEntries(names.map((name) => [name, [balancers[name]]]));
  return createLab(t, {
    hosts: { client: ['10.82.9.1'], d1: [director, vip.host], c1: [server], ...own },
  });
}

/** A director, three balancers and a server. */
export async function startHeadgate(
  t: Teardown,
  forwarding: 'proxy' | 'dr',
  pins: string | undefined,
): Promise<Scene> {
  const lab = await makeLab(t);
  const echo = await lab.spawn('c1', [...script('server-process'), server, '7000']);
  await echo.line(/listens/);
  const cluster = await startCluster(
    t,
    {
      settings: { heartbeat: settings.headgate },
      services: { bench: { listen: `${vip.host}:${vip.port}`, forwarding } },
      directors: { d1: { host: director } },
      balancers: Object.fromEntries(names.map((name) => [name, { host: balancers[name], workers: 1 }])),
      chatservers: { c1: { address: `${server}:7000`, heartbeat: { probe: 'tcp' } } },
    },
    (name, argv, options) =>
      lab.spawn(name, argv, {
        ...options,
        env: { ...options.env, ...(pins === undefined ? {} : { HEADGATE_BPFFS: pins }) },
      }),
  );
  for (const name of [...names, 'c1']) await untilState(cluster, name, 'up');
  await until(
    async () => modeOf(nodeStatus(await statusOf(cluster), 'd1')) === forwarding,
    `${forwarding} to be in force`,
  );
  return { lab, victim: balancers.b1 };
}

function modeOf(status: NodeStatus | undefined): string | undefined {
  return status?.forwarding?.services[0]?.mode;
}

/** HAProxy in the director's place, three servers in the balancers'. */
export async function startHaproxy(t: Teardown): Promise<Scene> {
  const lab = await makeLab(t);
  for (const name of names) {
    const program = await lab.spawn(name, [...script('server-process'), balancers[name], '9000', name]);
    await program.line(/listens/);
  }
  const folder = await temporaryFolder(t, {
    'haproxy.cfg': `${haproxyHead('5s', ['log stdout format raw local0'])}  log global
  retries 3
  option redispatch
listen bench
  bind ${vip.host}:${vip.port}
  balance roundrobin
${names.map((name) => `  server ${name} ${balancers[name]}:9000 ${settings.haproxy}`).join('\n')}
`,
  });
  const program = await lab.spawn('d1', ['haproxy', '-db', '-f', path.join(folder, 'haproxy.cfg')]);
  const listens = async (): Promise<boolean> => {
    const { stdout } = await lab.exec('d1', ['ss', '-Hltn', `sport = :${vip.port}`]);
    return stdout.includes(vip.host);
  };
  await until(listens, { describe: 'haproxy to listen', hopeless: () => program.ending });
  return { lab, victim: 'b1' };
}

export const clientScript = script('clients-process');
