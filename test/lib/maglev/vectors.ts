import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Endpoint } from '../../../lib/address/index.ts';

/** The committed vectors; other forms of the hash and the table (eBPF) are tested with the same file. */
export interface Vectors {
  readonly siphash13: readonly { readonly length: number; readonly hash: string }[];
  readonly flows: readonly {
    readonly hashKey: string;
    readonly client: Endpoint;
    readonly input: string;
    readonly hash: string;
    readonly slot65537: number;
    readonly slot251: number;
  }[];
  readonly tables: readonly {
    readonly hashKey: string;
    readonly size: number;
    readonly nodes: readonly { readonly name: string; readonly weight: number }[];
    readonly counts: readonly number[];
    readonly first: readonly string[];
    readonly sha256: string;
  }[];
}

// ava runs from the root of the project, compiled tests from dist/, where the JSON is not.
export const vectors = JSON.parse(
  readFileSync(path.resolve('test/lib/maglev/vectors.json'), 'utf8'),
) as Vectors;
