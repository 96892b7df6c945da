import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { addressBytes } from '../../address/index.ts';
import { errnoCode, HeadgateError } from '../../errors/index.ts';
import {
  isBpffs,
  Link,
  loadCollection,
  requireBpffs,
  tcxAvailable,
  type BpfMap,
  type Collection,
} from '../../linux/bpf/index.ts';
import { clampProgram } from './egress.ts';
import { unwrapProgram } from './ingress.ts';
import { mapSpecs, tunnelLayout, unwrapCounters, vipLayout, type UnwrapCounter } from './layouts.ts';

const spec = {
  maps: mapSpecs,
  programs: { hg_unwrap: unwrapProgram, hg_clamp: clampProgram },
} as const;

/** What comes wrapped, and from whom. */
export interface TunnelWishes {
  /** Where the directors' packets come in. */
  readonly ingress: number;
  /** Where answers to clients leave. */
  readonly egress: readonly number[];
  /** This host's address, the outer destination. */
  readonly host: string;
  readonly directors: readonly string[];
  /** The largest MSS by VIP. */
  readonly vips: ReadonlyMap<string, number>;
}

export const noCounts: Readonly<Record<UnwrapCounter, number>> = Object.fromEntries(
  unwrapCounters.map((name) => [name, 0]),
) as Record<UnwrapCounter, number>;

/** Throws HEADGATE_HOST_UNWRAP where programs cannot be attached through tcx. */
export function tunnelAvailable(): void {
  const answer = tcxAvailable();
  if (answer.available) return;
  const forbidden = answer.reason.includes('EPERM');
  const cure = forbidden ? { cure: 'run as root or grant CAP_BPF and CAP_NET_ADMIN' } : undefined;
  throw new HeadgateError('HEADGATE_HOST_UNWRAP', `unwrap tunnel packets: ${answer.reason}`, cure);
}

/** The programs at work. Owns descriptors; without pins they are the attachment. */
export class Tunnel {
  readonly #collection: Collection<typeof spec>;
  readonly #pins: Pins | undefined;
  readonly #links = new Map<string, Link>();

  private constructor(collection: Collection<typeof spec>, pins: Pins | undefined) {
    this.#collection = collection;
    this.#pins = pins;
  }

  /**
   * Attaches the programs behind whatever is there. With `pinDirectory` they outlive this process, in the place of those
   * that an earlier one pinned there: no packet meets neither. Throws HEADGATE_HOST_UNWRAP, HEADGATE_BPF_*.
   */
  static open(wishes: TunnelWishes, pinDirectory: string | undefined): Tunnel {
    tunnelAvailable();
    const pins = pinDirectory === undefined ? undefined : openPins(pinDirectory);
    const tunnel = new Tunnel(loadCollection(spec), pins);
    try {
      tunnel.update(wishes);
      for (const name of pins?.before ?? []) unlinkSync(join(pins!.directory, name));
      return tunnel;
    } catch (error) {
      for (const place of tunnel.#links.keys()) tunnel.#detachFrom(place);
      tunnel.close();
      throw error;
    }
  }

  /** From now on for these. Attaches where it is not attached, or not any more. Throws HEADGATE_BPF_*. */
  update({ ingress, egress, host, directors, vips }: TunnelWishes): void {
    const { maps, programs } = this.#collection;
    const destination = addressBytes(host);
    replaceEntries(
      maps.tunnels,
      directors.map((director) => [
        tunnelLayout.encode({ source: addressBytes(director), destination }),
        new Uint8Array(4),
      ]),
    );
    replaceEntries(
      maps.tunnel_vips,
      Array.from(vips, ([vip, mss]) => [addressBytes(vip), vipLayout.encode({ mss })]),
    );
    const wanted = new Set([`ingress ${ingress}`, ...egress.map((ifindex) => `egress ${ifindex}`)]);
    for (const place of wanted) {
      const [direction, ifindex] = place.split(' ') as ['ingress' | 'egress', string];
      const running = this.#links.get(place);
      if (running?.info().ifindex === Number(ifindex)) continue;
      if (running !== undefined) this.#detachFrom(place);
      const program = direction === 'ingress' ? programs.hg_unwrap : programs.hg_clamp;
      const link = Link.attachTcx(program, Number(ifindex), direction);
      this.#links.set(place, link);
      if (this.#pins !== undefined) link.pin(pinOf(this.#pins, place));
    }
    for (const place of this.#links.keys()) if (!wanted.has(place)) this.#detachFrom(place);
  }

  /** Sums over all CPUs. */
  counters(): Readonly<Record<UnwrapCounter, number>> {
    const map = this.#collection.maps.unwrap_count;
    return Object.fromEntries(
      unwrapCounters.map((name, index) => {
        const values = map.lookupPerCpu(index) ?? [];
        const sum = values.reduce((total, value) => total + viewOf(value).getBigUint64(0, true), 0n);
        return [name, Number(sum)];
      }),
    ) as Record<UnwrapCounter, number>;
  }

  /** Without pins this detaches. Idempotent. */
  close(): void {
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    this.#collection.close();
  }

  /** Takes the programs off. Idempotent. */
  detach(): void {
    this.close();
    if (this.#pins !== undefined) removePins(this.#pins.directory);
  }

  #detachFrom(place: string): void {
    this.#links.get(place)?.close();
    this.#links.delete(place);
    if (this.#pins !== undefined) rmSync(pinOf(this.#pins, place), { force: true });
  }
}

/** Names that no earlier process used. */
interface Pins {
  readonly directory: string;
  readonly generation: number;
  /** What an earlier process pinned; its programs run until ours do. */
  readonly before: readonly string[];
}

function openPins(directory: string): Pins {
  if (!isBpffs(directory)) {
    // Asked before anything is made: on sysfs, where a bpf file system belongs, Node's recursive mkdir never returns.
    requireBpffs(nearestExisting(directory));
    mkdirSync(directory, { recursive: true });
  }
  const before = readdirSync(directory);
  const generation = 1 + Math.max(0, ...before.map((name) => Number(/_(\d+)$/.exec(name)?.[1] ?? 0)));
  return { directory, generation, before };
}

/** `path` or the nearest folder above it that there is. */
function nearestExisting(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path));
}

function pinOf({ directory, generation }: Pins, place: string): string {
  return join(directory, `${place.replace(' ', '_on_')}_${generation}`);
}

/** Removes what Tunnel pinned, which detaches it. Answers whether there was anything. Idempotent. */
export function removePins(directory: string): boolean {
  if (!isBpffs(directory)) return false;
  try {
    for (const name of readdirSync(directory)) unlinkSync(join(directory, name));
    rmdirSync(directory);
    return true;
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Adds first, then removes: what stays is never missing. */
function replaceEntries(map: BpfMap, entries: readonly (readonly [Uint8Array, Uint8Array])[]): void {
  const wanted = new Set(entries.map(([key]) => Buffer.from(key).toString('hex')));
  const before = Array.from(map.keys());
  for (const [key, value] of entries) map.update(key, value);
  for (const key of before) if (!wanted.has(Buffer.from(key).toString('hex'))) map.delete(key);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
