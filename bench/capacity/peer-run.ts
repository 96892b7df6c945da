/** The same run, as far as they carry it, over what people build this of today. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Lab } from '../../test/lab/index.ts';
import type { Program } from '../../test/processes.ts';
import { temporaryFolder } from '../../test/temporary-folder.ts';
import { until } from '../../test/until.ts';
import { chatScript, ChatServers } from './chat-servers.ts';
import { foreignConnections } from '../foreign.ts';
import { createHosts, removeAtExit } from './cluster.ts';
import { Loads } from './loads.ts';
import { haproxyConfig, haproxyDirectorConfig, natRules, nginxConfig } from './peer-configs.ts';
import { director, planRun, port, proxiedShare, serverPort, type Plan, type TierHost } from './plan.ts';
import type { Progress } from './progress.ts';
import type { RunResult } from './result.ts';
import { Run, type RunSettings } from './run.ts';
import { Stack } from './stack.ts';
import type { TierProcesses } from './tiers.ts';

export const peers = ['nginx', 'haproxy'] as const;
export type Peer = (typeof peers)[number];

const names = { nginx: 'nftables DNAT, nginx', haproxy: 'HAProxy, HAProxy' };
/** The kernel spreads connections over the processes of a port unevenly: some room. */
const fill = 0.8;
const timeoutMs = 20_000;

interface PeerTiers {
  readonly director: readonly Program[];
  readonly balancers: readonly Program[];
}

export async function runPeer(
  peer: Peer,
  connections: number,
  settings: RunSettings,
  progress: Progress,
): Promise<RunResult> {
  const stack = new Stack();
  try {
    const whole = peer === 'haproxy' ? planRun(connections, proxiedShare) : planRun(connections);
    const plan = { ...whole, balancers: whole.balancers.slice(0, -1) };
    progress.part(`${names[peer]}: ${plan.balancers.length} balancers, ${plan.servers.length} chat servers`);
    const lab = await createHosts(stack, plan);
    const chat = await startServers(lab, plan);
    const folder = await temporaryFolder(stack);
    removeAtExit(folder);
    const tiers = await (peer === 'nginx' ? startNginx : startHaproxy)(lab, plan, folder);
    const loads = await Loads.start(lab, plan.clients);
    const pids = (programs: readonly Program[]) => (): number[] => programs.map(({ pid }) => pid);
    const processes: readonly TierProcesses[] = [
      { tier: 'director', pids: pids(tiers.director) },
      { tier: 'balancers', pids: pids(tiers.balancers) },
      chat.tier,
    ];
    const run = new Run(loads, { tiers: processes, chat }, settings, progress);
    const about = {
      name: names[peer],
      connections,
      processes: {
        director: tiers.director.length,
        balancers: tiers.balancers.length,
        'chat servers': plan.servers.length,
        clients: plan.clients.length,
      },
    };
    const result = await run.conclude(about, async (found) => {
      Object.assign(found, await run.establish(1));
      found.idleCpu = await run.idle();
      found.talk = await run.talk(found.idleCpu);
      found.push = await run.push();
      await run.latency();
      found.kill = await run.killServer();
    });
    await loads.end();
    return result;
  } finally {
    await stack.undo();
  }
}

async function startServers(lab: Lab, plan: Plan): Promise<ChatServers> {
  const started = plan.servers.map(async ({ name, host }): Promise<[string, Program]> => {
    const where = ['--address', `${host}:${serverPort}`, '--node', name];
    const sizes = [`${plan.serverSlots}`, `${plan.connections}`];
    const program = await lab.spawn(name, [process.execPath, chatScript, ...sizes, ...where]);
    await program.line(/^ready/);
    return [name, program];
  });
  return new ChatServers(await Promise.all(started));
}

/** Answers of the balancers go back through the director, which knows what the client's packets said. */
async function startNginx(lab: Lab, plan: Plan, folder: string): Promise<PeerTiers> {
  await lab.sysctl(director.name, 'net.ipv4.ip_forward', '1');
  await lab.sysctl(director.name, 'net.ipv4.conf.all.send_redirects', '0');
  await lab.sysctl(director.name, 'net.ipv4.conf.eth0.send_redirects', '0');
  await expectDone(lab, director.name, ['nft', '-f', '-'], natRules(plan.balancers));
  const balancers = plan.balancers.map(async ({ name }) => {
    for (const { sources } of plan.clients) {
      const net = `${sources[0]!.split('.').slice(0, 3).join('.')}.0/24`;
      await expectDone(lab, name, ['ip', 'route', 'add', net, 'via', director.host]);
    }
    const own = path.join(folder, name);
    const config = nginxConfig(plan.servers, processesFor(plan, plan.balancers.length));
    await writeFile(own, config.replaceAll('FOLDER/pid', `${own}.pid`));
    return startListening(lab, name, ['nginx', '-e', '/dev/null', '-c', own]);
  });
  return { director: [], balancers: await Promise.all(balancers) };
}

async function startHaproxy(lab: Lab, plan: Plan, folder: string): Promise<PeerTiers> {
  const start = async (host: TierHost, config: string, hosts: number): Promise<Program[]> => {
    const file = path.join(folder, host.name);
    await writeFile(file, config);
    const programs = Array.from({ length: processesFor(plan, hosts) }, () =>
      startListening(lab, host.name, ['haproxy', '-f', file]),
    );
    return Promise.all(programs);
  };
  const config = haproxyConfig(plan.servers);
  const balancers = await Promise.all(
    plan.balancers.map((host) => start(host, config, plan.balancers.length)),
  );
  const directors = await start(director, haproxyDirectorConfig(plan.balancers), 1);
  return { director: directors, balancers: balancers.flat() };
}

/** Processes of one of `hosts` hosts, each carrying what its files allow. */
function processesFor({ connections }: Plan, hosts: number): number {
  return Math.max(2, Math.ceil(connections / hosts / (fill * foreignConnections)));
}

async function startListening(lab: Lab, host: string, argv: readonly string[]): Promise<Program> {
  const program = await lab.spawn(host, argv);
  const listening = async (): Promise<boolean> =>
    (await lab.exec(host, ['ss', '-Hltn', `sport = :${port}`])).stdout.trim() !== '';
  await until(listening, {
    describe: `${argv[0]} on ${host} to listen`,
    timeoutMs,
    everyMs: 100,
    hopeless: () => program.ending,
  });
  return program;
}

async function expectDone(lab: Lab, host: string, argv: readonly string[], input = ''): Promise<void> {
  const { code, stderr } = await lab.exec(host, argv, { input });
  if (code !== 0) throw new Error(`${argv.join(' ')} on ${host}: ${stderr.trim()}`);
}
