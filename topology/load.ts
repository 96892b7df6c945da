/** Topology files on disk. */
import { constants, type Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import { errnoCode } from '../lib/errors/index.ts';
import { invalidTopology } from './invalid-topology.ts';
import { parseTopology, type ParseResult } from './parse.ts';
import { mismatch, type Problem } from './problem.ts';
import type { Topology } from './types.ts';
import { maxFileBytes } from './yaml-source.ts';

export type ReadResult =
  | {
      readonly text: string;
      /** What was stored with this very text, by whoever rolled it out; only stores that the nodes share have it. */
      readonly note?: string;
      readonly problem?: undefined;
    }
  | { readonly text?: undefined; readonly problem: Problem };

function wholeFile(file: string, code: Problem['code'], message: string): { readonly problem: Problem } {
  return { problem: { code, file, line: 1, column: 1, path: '', message } };
}

/** What is no file; a pipe can be read only once, and a topology is read again whenever it may have changed. */
function kindOf(stat: Stats): string {
  if (stat.isFIFO()) return 'a pipe; write it to a file first';
  return stat.isDirectory() ? 'a directory' : 'something else';
}

/** The text of a topology file, or why it cannot be had. Reads at most 4 MiB. Never throws. */
export async function readTopologyText(path: string): Promise<ReadResult> {
  try {
    // Not blocking: opening a named pipe would wait for a writer.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) {
        return wholeFile(path, 'HEADGATE_TOPOLOGY_UNREADABLE', mismatch('a file', kindOf(stat)));
      }
      // One byte more than allowed tells a file that is too large, also when it grows meanwhile.
      const buffer = Buffer.alloc(Math.min(stat.size, maxFileBytes) + 1);
      let length = 0;
      for (;;) {
        const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
        length += bytesRead;
        if (bytesRead === 0 || length === buffer.length) break;
      }
      if (length > maxFileBytes) {
        const message = mismatch(`a file of at most ${maxFileBytes} bytes`, 'a larger one');
        return wholeFile(path, 'HEADGATE_TOPOLOGY_TOO_LARGE', message);
      }
      return { text: new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, length)) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof TypeError && errnoCode(error) === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
      return wholeFile(path, 'HEADGATE_TOPOLOGY_SYNTAX', mismatch('UTF-8 text', 'other bytes'));
    }
    const reason =
      errnoCode(error) === 'ENOENT' ? 'no such file' : `not readable (${errnoCode(error) ?? String(error)})`;
    return wholeFile(path, 'HEADGATE_TOPOLOGY_UNREADABLE', reason);
  }
}

/** Reads and checks a topology file. Never throws: problems are part of the result. */
export async function readTopology(path: string): Promise<ParseResult> {
  const { text, problem } = await readTopologyText(path);
  return text === undefined ? { problems: [problem] } : parseTopology(text, path);
}

/** A topology and what is odd about it. */
export interface LoadedTopology {
  readonly topology: Topology;
  readonly warnings: readonly Problem[];
}

/** Same, for whoever cannot go on without. Throws HEADGATE_TOPOLOGY_INVALID with `facts.problems`. */
export async function loadTopology(path: string): Promise<LoadedTopology> {
  const result = await readTopology(path);
  if (result.topology === undefined) throw invalidTopology(result.problems, path);
  return result;
}
