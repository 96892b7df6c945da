/** What every key of the file says about itself; docs/topology.md and the JSON Schema are written from it. */
import { z } from 'zod';

export interface KeyDocs {
  /** What the key is: one or two sentences. */
  readonly about: string;
  /** What a change of it does to connections that exist: one sentence. */
  readonly effect: string;
  /** Unit or form of the value: `duration`, `size`, `count`. */
  readonly unit: string;
  /** The default in words, where it is no plain value of the schema. */
  readonly defaultText?: string;
}

/** Docs of a key, by the schema of its value. */
export const keyDocs = z.registry<KeyDocs>();

/** What a wrong value may have been meant to be, by schema. */
export const valueHints = z.registry<{ readonly hint: (input: unknown) => string | undefined }>();

/** The schema of one key, with its docs; the description also goes into the JSON Schema. */
export function documented<Schema extends z.ZodType>(schema: Schema, docs: KeyDocs): Schema {
  const described = schema.describe(docs.about);
  keyDocs.add(described, docs);
  return described;
}
