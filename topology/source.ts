/**
 * Where a node's topology comes from, and where a rolled-out one is put so that a restart finds it. A file by default;
 * a key of a store that the nodes share is another.
 */
import { isEtcdAddress } from '../lib/etcd/index.ts';
import { writeTopologyFile } from './edit/replace-file.ts';
import { etcdSource, type SharedStore } from './etcd/index.ts';
import { invalidTopology } from './invalid-topology.ts';
import { readTopologyText, type LoadedTopology, type ReadResult } from './load.ts';
import { parseTopology, type ParseResult } from './parse.ts';
import { watchTopology, type TopologyWatch, type WatchHandlers, type WatchOptions } from './watch/index.ts';

export interface TopologySource {
  /** The path or address, for people; problems are located in it, and relative paths in the text begin beside it. */
  readonly name: string;
  /** The text as it is now. Never throws. */
  read(): Promise<ReadResult>;
  /** Tells of every change that means something. */
  watch(handlers: WatchHandlers, options?: WatchOptions): TopologyWatch;
  /** Puts `text` there unless it is there. Throws HEADGATE_TOPOLOGY_CHANGED_MEANWHILE and HEADGATE_TOPOLOGY_UNWRITABLE. */
  write(text: string): Promise<void>;
  /** Set when all nodes read the same place: then whoever rolls out writes it, and nobody else. */
  readonly shared?: SharedStore;
  /** Gives up connections. Idempotent. */
  close(): void;
}

/** The topology file at `path`. */
export function fileSource(path: string): TopologySource {
  return {
    name: path,
    read: () => readTopologyText(path),
    watch: (handlers, options) => watchTopology(path, handlers, options),
    async write(text) {
      const before = await readTopologyText(path);
      if (before.text !== text) await writeTopologyFile(path, before.text, text);
    },
    close: () => undefined,
  };
}

/** The source at a path, or at an address in etcd. Throws HEADGATE_ETCD_ADDRESS. */
export function topologySource(place: string, env: Readonly<NodeJS.ProcessEnv>): TopologySource {
  return isEtcdAddress(place) ? etcdSource(place, env) : fileSource(place);
}

/** Reads once. Throws HEADGATE_ETCD_ADDRESS; other problems are part of the result. */
export async function readFrom(place: string, env: Readonly<NodeJS.ProcessEnv>): Promise<ReadResult> {
  const source = topologySource(place, env);
  try {
    return await source.read();
  } finally {
    source.close();
  }
}

/** Reads once and checks. Throws HEADGATE_ETCD_ADDRESS; other problems are part of the result. */
export async function parseFrom(place: string, env: Readonly<NodeJS.ProcessEnv>): Promise<ParseResult> {
  const { text, problem } = await readFrom(place, env);
  return text === undefined ? { problems: [problem] } : parseTopology(text, place);
}

/** Same, for whoever cannot go on without. Throws HEADGATE_TOPOLOGY_INVALID with `facts.problems`. */
export async function loadFrom(place: string, env: Readonly<NodeJS.ProcessEnv>): Promise<LoadedTopology> {
  const result = await parseFrom(place, env);
  if (result.topology === undefined) throw invalidTopology(result.problems, place);
  return result;
}
