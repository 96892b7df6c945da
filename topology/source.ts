/**
 * Where a node's topology comes from, and where a rolled-out one is put so that a restart finds it. A file by default;
 * a key of a store that the nodes share is another.
 */
import { writeTopologyFile } from './edit/replace-file.ts';
import { readTopologyText, type ReadResult } from './load.ts';
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
  };
}
