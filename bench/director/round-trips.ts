/**
 * Round trips of small messages from a client host over the director's host to a server's host, in turns: forwarded in the kernel by
 * a real director (dr, tun, nat), by nftables (DNAT and masquerade, as Linux does it without us), and without anything between.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { headgate, startCluster } from '../../test/cluster.ts';
import { createLab, probeLab, type Lab } from '../../test/lab/index.ts';
import { mountPins } from '../../test/pins.ts';
import type { Program, Teardown } from '../../test/processes.ts';
import { Scope } from '../../test/scope.ts';
import { nodeStatus, statusOf } from '../../test/system/cluster-view.ts';
import { until } from '../../test/until.ts';
import { mkdirSync, writeFileSync } from 'node:fs';
import { unmountBpffs } from '../../lib/linux/bpf/index.ts';
import { ownTemporaryFolder } from '../../test/own-temporary-folder.ts';
import { median } from '../measure.ts';

const address = { client: '10.83.9.1', d1: '10.83.0.1', b1: '10.83.1.1', vip: '10.83.0.100' } as const;
const port = 9_000;
export const roundTripConnections = 100;
export const roundTripBytes = 64;
const playMs = 2_000;
const mark = 1.3;

const modes = ['dr', 'tun', 'nat'] as const;
export type Way = (typeof modes)[number] | 'nftables' | 'direct';
export const peer: Way = 'nftables';

export interface RoundTrips {
  readonly way: Way;
  /** How packets are taken on the director's host, `xdp generic on eth0`; undefined where headgate does not run. */
  readonly attached: string | undefined;
  readonly perSecond: { readonly median: number; readonly least: number; readonly most: number };
  /** To nftables in the same round. */
  readonly ratio: { readonly median: number; readonly least: number; readonly most: number };
}

const script = fileURLToPath(new URL('round-trip-process.js', import.meta.url));

interface Table {
  readonly client: Program;
  readonly attached: string | undefined;
}

async function layTable(t: Teardown, way: Way, pins: string): Promise<Table> {
  const lab = await createLab(t, {
    hosts: { client: [address.client], d1: [address.d1, address.vip], b1: [address.b1] },
  });
  const size = [`${roundTripConnections}`, `${roundTripBytes}`];
  const server = await lab.spawn('b1', [process.execPath, script, 'server', `${port}`, ...size]);
  await server.line(/listens/);
  const attached =
    way === 'direct'
      ? undefined
      : await (way === 'nftables' ? translate(lab, pins) : direct(t, lab, way, path.join(pins, way)));
  const to = way === 'direct' ? address.b1 : address.vip;
  const connect = `require('net').connect(${port}, '${to}').on('connect', () => process.exit(0)).on('error', () => process.exit(1))`;
  // The next hop may still be asked for.
  await until(async () => (await lab.exec('client', [process.execPath, '-e', connect])).code === 0, {
    describe: `${way} to take connections`,
    everyMs: 100,
  });
  const client = await lab.spawn('client', [process.execPath, script, 'client', to, `${port}`, ...size]);
  await client.line(/connected/, { timeoutMs: 30_000 });
  return { client, attached };
}

async function translate(lab: Lab, folder: string): Promise<undefined> {
  await lab.sysctl('d1', 'net.ipv4.ip_forward', '1');
  const rules = `
table ip nat {
  chain prerouting { type nat hook prerouting priority dstnat; ip daddr ${address.vip} tcp dport ${port} dnat to ${address.b1}:${port}; }
  chain postrouting { type nat hook postrouting priority srcnat; ip daddr ${address.b1} masquerade; }
}
`;
  const file = path.join(folder, 'rules.nft');
  writeFileSync(file, rules);
  const { code, stderr } = await lab.exec('d1', ['nft', '-f', file]);
  if (code !== 0) throw new Error(`nft: ${stderr.trim()}`);
  return undefined;
}

async function direct(t: Teardown, lab: Lab, mode: (typeof modes)[number], pins: string): Promise<string> {
  mkdirSync(pins);
  const env = { HEADGATE_BPFFS: pins };
  const unwatched = { probe: 'off' };
  const cluster = await startCluster(
    t,
    {
      services: { bench: { listen: `${address.vip}:${port}`, forwarding: mode } },
      directors: { d1: { host: address.d1 } },
      balancers: { b1: { host: address.b1, heartbeat: unwatched } },
      chatservers: { c1: { address: '10.83.2.1:7000', heartbeat: unwatched } },
    },
    (name, argv, options) => lab.spawn(name, argv, { ...options, env: { ...options.env, ...env } }),
  );
  if (mode === 'nat') {
    await lab.exec('b1', ['ip', 'route', 'add', address.client, 'via', address.d1]);
  } else {
    const argv = [...headgate, 'prepare-host', cluster.file, '--node', 'b1'];
    const { code, stderr } = await lab.exec('b1', argv, { env: { ...cluster.env, ...env } });
    if (code !== 0) throw new Error(stderr.trim());
  }
  const now = async () => nodeStatus(await statusOf(cluster), 'd1')?.forwarding;
  await until(
    async () => (await now())?.services.some((service) => service.mode === mode),
    `${mode} to be in force`,
  );
  const planes = (await now())?.planes ?? [];
  return planes
    .map(({ plane }) => plane)
    .filter((plane) => plane !== 'proxy')
    .join(', ');
}

/** In turns, `rounds` times; prints each way's figures. Throws where hosts or programs cannot be had. */
export async function measureRoundTrips(
  rounds: number,
  print: (line: string) => void,
): Promise<RoundTrips[]> {
  const missing = probeLab();
  if (missing !== undefined) throw new Error(missing);
  let pins: string | undefined;
  const folder = ownTemporaryFolder('headgate-bench-', () => {
    if (pins !== undefined) unmountBpffs(pins);
  });
  pins = mountPins(folder);
  if (pins === undefined) throw new Error('no bpf file system can be mounted here; run as root on Linux');
  const ways: readonly Way[] = ['nftables', 'direct', ...modes];
  const scope = new Scope();
  try {
    const tables = new Map<Way, Table>();
    for (const way of ways) tables.set(way, await layTable(scope, way, way === 'nftables' ? folder : pins));
    const found = new Map<Way, number[]>(ways.map((way) => [way, []]));
    for (let round = 0; round < rounds; round++)
      for (const way of ways) found.get(way)!.push(await play(tables.get(way)!.client));
    return ways.map((way) => {
      const ratios = found.get(way)!.map((trips, round) => trips / found.get(peer)![round]!);
      const result = {
        way,
        attached: tables.get(way)!.attached,
        perSecond: spread(found.get(way)!),
        ratio: spread(ratios),
      };
      print(line(result));
      return result;
    });
  } finally {
    await scope.close();
  }
}

async function play(client: Program): Promise<number> {
  const from = client.nextLine;
  client.write(`${playMs}`);
  const { text } = await client.line(/^trips \d+/, { from, timeoutMs: 30_000 });
  return (Number(text.split(' ')[1]) / playMs) * 1_000;
}

function spread(values: readonly number[]): RoundTrips['ratio'] {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}

function line({ way, attached, perSecond, ratio }: RoundTrips): string {
  const [middle, least, most] = [ratio.median, ratio.least, ratio.most].map((value) => value.toFixed(2));
  const judged =
    way === 'dr' ? (ratio.median >= mark ? `; mark ${mark} reached` : `; MARK ${mark} MISSED`) : '';
  return (
    `${way.padEnd(9)}${perSecond.median.toFixed(0).padStart(7)} round trips/s, ${middle} (${least}–${most}) of ${peer}${judged}` +
    (attached === undefined ? '' : `; ${attached}`)
  );
}
