import { mkdirSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { HeadgateError, isHeadgateError } from '../../lib/errors/index.ts';
import { layout, pad, u32 } from '../../lib/layout/index.ts';
import {
  BpfMap,
  isBpffs,
  Link,
  loadCollection,
  type MappedMemory,
  requireBpffs,
  type Collection,
  type Hook,
} from '../../lib/linux/bpf/index.ts';
import { configLayout, layoutVersion } from '../forward/index.ts';
import { mapSpecs, type Capacity } from './maps.ts';
import { forwardProgram } from './program/index.ts';

/** What is pinned beside the maps to say what they are. The version stays first. */
const aboutLayout = layout(
  'about',
  {
    version: u32,
    tableSize: u32,
    services: u32,
    balancers: u32,
    flows: u32,
    unconfirmedFlows: u32,
    /** How the program was attached, as in `attachModes`; the kernel does not tell. */
    mode: u32,
    gap: pad(4),
  },
  { size: 32 },
);
const aboutSpec = { type: 'array', keySize: 4, valueSize: aboutLayout.size, maxEntries: 1 } as const;

/** Pin names; all others are names of maps. `about` is pinned when all maps are, `link` at the very end. */
const aboutPin = 'about';
const linkPin = 'link';

export interface DataPathOptions {
  /** Directory of its own on a bpf file system; made when it is missing. One per director and interface. */
  readonly directory: string;
  readonly ifindex: number;
  /** Where the program is attached: `tcx` for veth and its like, which is another form of it. */
  readonly mode: Hook;
  readonly capacity: Capacity;
}

function spec(capacity: Capacity, mode: Hook) {
  return {
    maps: mapSpecs(capacity),
    programs: { headgate: forwardProgram(capacity.tableSize, mode === 'tcx' ? 'tcx' : 'xdp') },
  } as const;
}

export type DataPathMaps = Collection<ReturnType<typeof spec>>['maps'];

/**
 * The program on its interface, and its maps, pinned: they outlive this process. Owns descriptors only; close() and
 * the death of the process leave packets flowing, detach() ends it.
 */
export class DataPath {
  readonly capacity: Capacity;
  /** Whether maps and flows of an earlier process are used. */
  readonly adopted: boolean;
  readonly #options: DataPathOptions;
  readonly #collection: Collection<ReturnType<typeof spec>>;
  #link: Link;
  #mode: AttachMode;
  readonly #config: MappedMemory;

  private constructor(
    options: DataPathOptions,
    collection: Collection<ReturnType<typeof spec>>,
    adopted: boolean,
  ) {
    this.capacity = options.capacity;
    this.adopted = adopted;
    this.#options = options;
    this.#collection = collection;
    this.#link = attach(options, collection);
    this.#mode = modeOf(options, this.#link);
    this.#config = mapConfig(collection, this.#link);
  }

  /**
   * Adopts what is pinned in the directory and puts its own program in the place of the running one, without a gap; or
   * makes and pins everything. Throws HEADGATE_XDP_LAYOUT when what is there cannot be adopted (it goes on
   * forwarding), HEADGATE_BPF_NO_BPFFS, HEADGATE_BPF_LINK and what loadCollection() throws.
   */
  static open(options: DataPathOptions): DataPath {
    const { directory } = options;
    if (!isBpffs(directory)) {
      requireBpffs(dirname(directory));
      mkdirSync(directory);
    }
    const pins = readdirSync(directory);
    const adopted = pins.includes(aboutPin);
    // Without `about` somebody died while pinning: nothing was attached yet.
    if (!adopted) for (const pin of pins) unlinkSync(join(directory, pin));
    const collection = adopted ? adopt(options) : make(options);
    try {
      return new DataPath(options, collection, adopted);
    } catch (error) {
      collection.close();
      throw error;
    }
  }

  get maps(): DataPathMaps {
    return this.#collection.maps;
  }

  /** How the program is attached. */
  get mode(): AttachMode {
    return this.#mode;
  }

  /** Puts the program on another interface: its own was made anew. Throws HEADGATE_BPF_LINK; then all is as before. */
  moveTo(ifindex: number): void {
    const options = { ...this.#options, ifindex };
    const link = attach(options, this.#collection);
    this.#link.close();
    this.#link = link;
    this.#mode = modeOf(options, link);
  }

  /** Whether the program is on an interface, and where the next process finds it with its maps. */
  get isThere(): boolean {
    return this.#link.info().ifindex !== 0 && this.#missingPins().length === 0;
  }

  /**
   * Puts back what somebody has taken away: the program on its interface, pins in their directory. The maps and what is in them
   * are as they were. Throws HEADGATE_BPF_NO_BPFFS, HEADGATE_BPF_PIN, HEADGATE_BPF_LINK.
   */
  restore(ifindex: number): void {
    const { directory } = this.#options;
    if (!isBpffs(directory)) {
      requireBpffs(dirname(directory));
      mkdirSync(directory);
    }
    const missing = this.#missingPins();
    pinMaps(this.#options, this.#collection, missing);
    if (this.#link.info().ifindex === 0) this.moveTo(ifindex);
    else {
      if (missing.includes(linkPin)) this.#link.pin(join(directory, linkPin));
      writeMode(directory, this.#mode);
    }
  }

  #missingPins(): readonly string[] {
    const { directory } = this.#options;
    const pins = isBpffs(directory) ? readdirSync(directory) : [];
    return [...Object.keys(this.maps), aboutPin, linkPin].filter((pin) => !pins.includes(pin));
  }

  /** Id of the program that the link runs now. */
  get programId(): number {
    return this.#link.info().programId;
  }

  /** Dates the packets from now on (tickOf()); a store, no system call. Call it every few ticks. */
  setTick(tick: number): void {
    configLayout.set(this.#config.bytes, 'tick', tick);
  }

  /** From now on SYNs without an entry are answered with RST, or not; a store, no system call. */
  setRefuseNew(refuse: boolean): void {
    configLayout.set(this.#config.bytes, 'refuseNew', Number(refuse));
  }

  /** Takes the program off the interface and everything that is pinned away: flows are forgotten. Closes. */
  detach(): void {
    this.#link.detach();
    const { directory } = this.#options;
    for (const pin of readdirSync(directory)) unlinkSync(join(directory, pin));
    rmdirSync(directory);
    this.close();
  }

  /** Idempotent. Packets go on being forwarded. */
  close(): void {
    this.#config.close();
    this.#link.close();
    this.#collection.close();
  }
}

function mapConfig({ maps }: Collection<ReturnType<typeof spec>>, link: Link): MappedMemory {
  try {
    return maps.config.memory();
  } catch (error) {
    link.close();
    throw error;
  }
}

function make(options: DataPathOptions): Collection<ReturnType<typeof spec>> {
  const { capacity, mode } = options;
  const collection = loadCollection(spec(capacity, mode));
  try {
    pinMaps(options, collection, [...Object.keys(collection.maps), aboutPin]);
    return collection;
  } catch (error) {
    collection.close();
    throw error;
  }
}

/** Pins those of the maps that are named, and then what says what they are. */
function pinMaps(
  { directory, capacity }: Pick<DataPathOptions, 'directory' | 'capacity'>,
  { maps }: Collection<ReturnType<typeof spec>>,
  pins: readonly string[],
): void {
  for (const [name, map] of Object.entries(maps)) if (pins.includes(name)) map.pin(join(directory, name));
  if (!pins.includes(aboutPin)) return;
  const about = BpfMap.create('hg_about', aboutSpec);
  try {
    about.update(0, aboutLayout.encode({ version: layoutVersion, ...capacity, mode: 0 }));
    about.pin(join(directory, aboutPin));
  } finally {
    about.close();
  }
}

function adopt({ directory, capacity, mode }: DataPathOptions): Collection<ReturnType<typeof spec>> {
  const reuse: Record<string, BpfMap> = {};
  try {
    checkAbout(directory, capacity);
    for (const [name, map] of Object.entries(mapSpecs(capacity))) {
      reuse[name] = BpfMap.open(join(directory, name), name, map);
    }
  } catch (error) {
    for (const map of Object.values(reuse)) map.close();
    if (!isHeadgateError(error, 'HEADGATE_BPF_PIN_MISMATCH') && !isHeadgateError(error, 'HEADGATE_BPF_PIN'))
      throw error;
    throw foreign(directory, 'their sizes differ', error);
  }
  // The collection owns the reused maps, also when loading fails.
  return loadCollection(spec(capacity, mode), { reuse });
}

function checkAbout(directory: string, capacity: Capacity): void {
  const about = readAbout(directory);
  if (about === undefined) throw foreign(directory, 'another version made them');
  if (about.version !== layoutVersion) {
    throw foreign(directory, `they have layout ${about.version}, this is ${layoutVersion}`);
  }
  if (about.capacity.tableSize !== capacity.tableSize) {
    throw foreign(
      directory,
      `their tables have ${about.capacity.tableSize} slots, not ${capacity.tableSize}`,
    );
  }
}

/** How a link is attached, which is noted for the next process. */
function modeOf({ directory, mode }: DataPathOptions, link: Link): AttachMode {
  const attached = mode === 'tcx' ? 'tcx' : link.mode;
  if (attached !== undefined) writeMode(directory, attached);
  return attached ?? readAbout(directory)?.mode ?? 'native';
}

type AttachMode = 'native' | 'generic' | 'tcx';

/** By their number in `about`; 0 is none. */
const attachModes = [undefined, 'native', 'generic', 'tcx'] as const;

interface About {
  readonly version: number;
  readonly capacity: Capacity;
  readonly mode: AttachMode | undefined;
}

/** Undefined when there is nothing, or something that no version with this layout of `about` has made. */
function readAbout(directory: string): About | undefined {
  return withAbout(directory, (about) => {
    const value = about.lookup(0) ?? new Uint8Array(aboutLayout.size);
    const { version, mode, ...capacity } = aboutLayout.read(value);
    return { version, capacity, mode: attachModes[mode] };
  });
}

function writeMode(directory: string, mode: AttachMode): void {
  withAbout(directory, (about) => {
    const value = about.lookup(0) ?? new Uint8Array(aboutLayout.size);
    aboutLayout.set(value, 'mode', attachModes.indexOf(mode));
    about.update(0, value);
  });
}

function withAbout<Result>(directory: string, use: (about: BpfMap) => Result): Result | undefined {
  let about: BpfMap;
  try {
    about = BpfMap.open(join(directory, aboutPin), 'hg_about', aboutSpec);
  } catch (error) {
    if (isHeadgateError(error, 'HEADGATE_BPF_PIN_MISMATCH') || isHeadgateError(error, 'HEADGATE_BPF_PIN'))
      return undefined;
    throw error;
  }
  try {
    return use(about);
  } finally {
    about.close();
  }
}

/** Sizes of the maps that are pinned in a directory and can be adopted; undefined when there are none. */
export function pinnedCapacity(directory: string): Capacity | undefined {
  const about = readAbout(directory);
  return about?.version === layoutVersion ? about.capacity : undefined;
}

/**
 * Takes whatever is pinned in the directory away, of whatever version, the program off its interface first; false when there
 * is nothing. Throws HEADGATE_BPF_LINK, HEADGATE_BPF_PIN.
 */
export function detachPinned(directory: string): boolean {
  if (!isBpffs(directory)) return false;
  const pins = readdirSync(directory);
  if (pins.includes(linkPin)) {
    const link = Link.open(join(directory, linkPin));
    try {
      link.detach();
    } finally {
      link.close();
    }
  }
  for (const pin of pins) unlinkSync(join(directory, pin));
  rmdirSync(directory);
  return true;
}

function foreign(directory: string, why: string, cause?: unknown): HeadgateError {
  return new HeadgateError('HEADGATE_XDP_LAYOUT', `adopt the maps in ${directory}: ${why}`, {
    ...(cause === undefined ? {} : { cause }),
    facts: { directory },
  });
}

/** Puts the program in the place of the running one, or on the interface for the first time. */
function attach(
  { directory, ifindex, mode }: DataPathOptions,
  { programs }: Collection<ReturnType<typeof spec>>,
): Link {
  const path = join(directory, linkPin);
  const running = readdirSync(directory).includes(linkPin) ? Link.open(path) : undefined;
  if (running !== undefined) {
    try {
      const { ifindex: there, kind } = running.info();
      if (there === ifindex && (kind === 'tcx') === (mode === 'tcx')) {
        running.update(programs.headgate);
        return running;
      }
    } catch (error) {
      running.close();
      throw error;
    }
  }
  return replaceLink(path, running, () => Link.attach(programs.headgate, ifindex, mode));
}

/**
 * A new link in the place of one that holds nothing (its interface was made anew), the wrong interface or the wrong hook.
 * The old one goes last: for a moment a packet may meet either, never none.
 */
function replaceLink(path: string, running: Link | undefined, attachNew: () => Link): Link {
  try {
    const link = attachNew();
    try {
      running?.detach();
      if (running !== undefined) unlinkSync(path);
      link.pin(path);
      return link;
    } catch (error) {
      link.close();
      throw error;
    }
  } finally {
    running?.close();
  }
}
