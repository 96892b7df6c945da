/** A topology in etcd, as the commands that roll out see it. */
import { isEtcdAddress } from '../../lib/etcd/index.ts';
import { environment, nextStamp, noteOf, stampInNote, unstamped, type Stamp } from '../../node/index.ts';
import { parseTopology, topologySource, type Topology } from '../../topology/index.ts';
import type { CommandIo } from '../command.ts';

export interface SharedPlace {
  readonly name: string;
  /** What it holds; undefined: nothing. */
  readonly text: string | undefined;
  /** The roll-out that wrote it; undefined: none did, or it was changed by other means since. */
  readonly stamp: Stamp | undefined;
  /** Writes a roll-out if nobody else has written since. Throws HEADGATE_ETCD_*. */
  readonly commit: (stamp: Stamp, text: string) => Promise<void>;
}

/** The address in etcd, when that is where commands look for the topology. */
export function sharedDefault({ env }: Pick<CommandIo, 'env'>): string | undefined {
  const place = env[environment.topology];
  return place !== undefined && isEtcdAddress(place) ? place : undefined;
}

/** Undefined when `place` is a file. Throws HEADGATE_ETCD_*. */
export async function openSharedPlace(
  place: string | undefined,
  io: CommandIo,
): Promise<SharedPlace | undefined> {
  if (place === undefined || !isEtcdAddress(place)) return undefined;
  const source = topologySource(place, io.env);
  const { shared, name } = source;
  if (shared === undefined) return undefined;
  io.signal.addEventListener('abort', () => source.close(), { once: true });
  const { text, note, version } = await shared.load();
  const hash = text === undefined ? undefined : parseTopology(text, name).topology?.hash;
  let now = version;
  return {
    name,
    text,
    stamp: hash === undefined ? undefined : stampInNote(note, hash),
    async commit(stamp, changed) {
      now = await shared.swap(changed, noteOf(stamp), now);
    },
  };
}

/** Writes a topology for nodes that are not running yet; resolves with its stamp. Throws HEADGATE_ETCD_*. */
export async function commitAlone(
  place: SharedPlace,
  { topology, text }: { readonly topology: Topology; readonly text: string },
): Promise<Stamp> {
  const stamp = nextStamp(place.stamp ?? unstamped(''), topology.hash, Date.now(), Math.random);
  await place.commit(stamp, text);
  return stamp;
}
