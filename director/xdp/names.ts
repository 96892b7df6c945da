/**
 * Names of the indices in the kernel's arrays. They lie in maps of their own that no program reads, so that the next process
 * of this director gives every index its old meaning.
 */
import { bytes, layout, pad, u16, u8 } from '../../lib/layout/index.ts';

/** How a balancer that has left the topology is asked whether it lives. */
export type NamedProbe = 'off' | 'headgate' | 'tcp';

export interface Named {
  /** Balancer: `name@host`. Service: `name VIP:port`. Empty: the index is free. */
  readonly name: string;
  /** Counts the lives of the index. */
  readonly generation: number;
  /** Of balancers. */
  readonly probe: NamedProbe;
  readonly probePort: number;
}

/** Names by index; indices that were never used are missing. Immutable. */
export type Names = ReadonlyMap<number, Named>;

const probes: readonly NamedProbe[] = ['off', 'headgate', 'tcp'];

/** A name of the largest service (63 characters, an IPv6 endpoint) has 117 bytes. */
const nameBytes = 120;

export const nameLayout = layout(
  'name',
  { generation: u16, probePort: u16, length: u8, probe: u8, gap: pad(2), text: bytes(nameBytes) },
  { size: 128 },
);

/** Throws RangeError for a name that is too long; topologies have none. */
export function encodeName({ name, generation, probe, probePort }: Named): Uint8Array {
  const encoded = Buffer.from(name, 'utf8');
  if (encoded.length > nameBytes) throw new RangeError(`the name ${name} has more than ${nameBytes} bytes`);
  const text = new Uint8Array(nameBytes);
  text.set(encoded);
  return nameLayout.encode({
    generation,
    probePort,
    length: encoded.length,
    probe: probes.indexOf(probe),
    text,
  });
}

/** Undefined for an index that was never used. */
export function decodeName(value: Uint8Array, at = 0): Named | undefined {
  const { generation, probePort, length, probe, text } = nameLayout.read(value, at);
  if (generation === 0) return undefined;
  const name = Buffer.from(text.subarray(0, Math.min(length, nameBytes))).toString('utf8');
  return { name, generation, probe: probes[probe] ?? 'off', probePort };
}

/** What an index is to be called. */
export type Wanted = Pick<Named, 'name'> & Partial<Pick<Named, 'probe' | 'probePort'>>;

export interface Assigned {
  readonly names: Names;
  /** Indices whose entry differs from before. */
  readonly changed: readonly number[];
  /** Names for which there was no index. */
  readonly overflow: readonly string[];
}

/**
 * Gives every wanted name an index: its own if it has one, else the lowest free one with the generation raised, so that
 * flows of an earlier life are nobody's. `same` tells that a name is the wanted one although its text may differ.
 */
export function assignNames(
  names: Names,
  wanted: readonly Wanted[],
  capacity: number,
  same: (known: string, wanted: string) => boolean = (known, name) => known === name,
): Assigned {
  const next = new Map(names);
  const changed: number[] = [];
  const overflow: string[] = [];
  let free = 0;
  for (const { name, probe = 'off', probePort = 0 } of wanted) {
    const own = [...next].find(([, known]) => known.name !== '' && same(known.name, name));
    if (own !== undefined) {
      const [index, known] = own;
      if (known.name === name && known.probe === probe && known.probePort === probePort) continue;
      next.set(index, { ...known, name, probe, probePort });
      changed.push(index);
      continue;
    }
    while (free < capacity && (next.get(free)?.name ?? '') !== '') free++;
    if (free >= capacity) {
      overflow.push(name);
      continue;
    }
    next.set(free, { name, probe, probePort, generation: raised(next.get(free)?.generation ?? 0) });
    changed.push(free);
  }
  return { names: next, changed, overflow };
}

/** Frees an index; its generation stays known. */
export function freeName(names: Names, index: number): Names {
  const known = names.get(index);
  return known === undefined ? names : new Map(names).set(index, { ...known, name: '' });
}

/** From 1 to 65535, then 1 again. */
function raised(generation: number): number {
  return generation >= 0xffff ? 1 : generation + 1;
}
