/** The last good topology of a node on disk, mode 0600. */
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { isEtcdAddress } from '../../lib/etcd/index.ts';
import { writeWhole, type Tier } from '../../topology/index.ts';
import { environment } from '../environment.ts';
import type { Holding } from './holding.ts';
import { readStamp } from './stamp.ts';

/** Where the nodes of this machine keep what must outlive them; does not create it. */
export function stateDirectory(env: Readonly<NodeJS.ProcessEnv>): string {
  const chosen = env[environment.stateDirectory];
  if (chosen) return chosen;
  // Whoever keeps the sockets apart keeps the rest apart, too.
  const runtime = env[environment.runtimeDirectory];
  if (runtime) return join(runtime, 'state');
  // Set by systemd for StateDirectory=; more than one is separated by colons (systemd.exec(5)).
  const systemd = env['STATE_DIRECTORY']?.split(':')[0];
  if (systemd) return systemd;
  if (env['XDG_STATE_HOME']) return join(env['XDG_STATE_HOME'], 'headgate');
  if (process.getuid?.() === 0 && process.platform === 'linux') return '/var/lib/headgate';
  return join(homedir(), '.local', 'state', 'headgate');
}

export interface HoldingStore {
  save(holding: Holding): Promise<void>;
}

/** Longest file that is read back, bytes: two texts of the longest kind, in JSON. */
const mostBytes = 16 * 1_024 * 1_024;

/** The nodes of one machine may share a file, and one name may be used by two clusters: both tell files apart. */
function nameOf(source: string, tier: Tier, node: string): string {
  // An address in etcd is the same from every working directory.
  const whole = isEtcdAddress(source) ? source : resolve(source);
  const place = createHash('sha256').update(whole).digest('hex').slice(0, 12);
  return `${place}-${tier}-${node}.json`;
}

/** The store of one node whose topology comes from `source`. */
export function holdingStore(directory: string, source: string, tier: Tier, node: string): HoldingStore {
  const path = join(directory, nameOf(source, tier, node));
  return {
    async save(holding) {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      await writeWhole(path, `${JSON.stringify({ version: 1, node, ...holding }, null, 1)}\n`, 0o600);
    },
  };
}

/** What the nodes of a tier kept of `source`, by node; only that of `node` when it is given. Never throws. */
export async function readHoldings(
  directory: string,
  source: string,
  tier: Tier,
  node: string | undefined,
): Promise<ReadonlyMap<string, Holding>> {
  const prefix = nameOf(source, tier, '').replace(/\.json$/, '');
  let names: readonly string[];
  try {
    names = node === undefined ? await readdir(directory) : [`${prefix}${node}.json`];
  } catch {
    return new Map();
  }
  const found = new Map<string, Holding>();
  for (const name of names.filter((each) => each.startsWith(prefix) && each.endsWith('.json'))) {
    const holding = await readHolding(join(directory, name));
    if (holding !== undefined) found.set(name.slice(prefix.length, -'.json'.length), holding);
  }
  return found;
}

/** Undefined for a file that is not there or not ours: the node then starts from its topology file. */
async function readHolding(path: string): Promise<Holding | undefined> {
  try {
    const bytes = await readFile(path);
    if (bytes.length > mostBytes) return undefined;
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof value !== 'object' || value === null) return undefined;
    const { version, stamp, text, local, fileDigest } = value as Readonly<Record<string, unknown>>;
    const held = readStamp(stamp);
    if (version !== 1 || held === undefined || typeof text !== 'string' || typeof fileDigest !== 'string')
      return undefined;
    return { stamp: held, text, local: readLocal(local), fileDigest };
  } catch {
    return undefined;
  }
}

function readLocal(value: unknown): Holding['local'] {
  if (typeof value !== 'object' || value === null) return null;
  const { hash, text } = value as Readonly<Record<string, unknown>>;
  return typeof hash === 'string' && typeof text === 'string' ? { hash, text } : null;
}
