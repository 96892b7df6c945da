/** The content hash: one short text that is the same wherever the cluster means the same. */
import { createHash } from 'node:crypto';
import type { Topology } from './types.ts';

/** What of a topology has a meaning for the cluster. */
export type TopologyMeaning = Omit<Topology, 'secret' | 'secretAsWritten' | 'hashKeyIsDefault' | 'hash'>;

/**
 * First 16 hexadecimal digits of the SHA-256 over the canonical JSON of the meaning: defaults filled in, units
 * resolved, entries in the order of their names. So comments, layout, the order of entries, the order of names in
 * a service's lists and defaults written out do not change it. Where a host keeps its copy of the secret is not part
 * of it either: the hash of one cluster is the same on every host.
 */
export function contentHash(meaning: TopologyMeaning): string {
  const { version, cluster, hashKey, heartbeat, flows, graceMs } = meaning;
  const canonical = {
    version,
    cluster,
    hashKey,
    heartbeat,
    flows,
    graceMs,
    services: byName(meaning.services).map((service) => ({
      ...service,
      balancers: service.balancers.toSorted(),
      chatservers: service.chatservers.toSorted(),
    })),
    directors: byName(meaning.directors),
    balancers: byName(meaning.balancers),
    chatservers: byName(meaning.chatservers),
  };
  return createHash('sha256').update(canonicalJson(canonical)).digest('hex').slice(0, 16);
}

function byName<Entry extends { readonly name: string }>(entries: readonly Entry[]): readonly Entry[] {
  return entries.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

/** JSON with keys sorted and without blanks; undefined values are left out. Numbers are whole, so JSON prints them alike everywhere. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const pairs = Object.entries(value)
    .filter(([, inner]) => inner !== undefined)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, inner]) => `${JSON.stringify(key)}:${canonicalJson(inner)}`);
  return `{${pairs.join(',')}}`;
}
