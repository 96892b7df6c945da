/** Asks the schema about itself: what is at a path, which keys there are. */
import { z } from 'zod';
import type { Path } from '../problem.ts';
import { topologySchema } from './index.ts';
import { keyDocs, type KeyDocs } from './documented.ts';

/** A schema without its wrappers (optional, default). */
export function unwrap(schema: z.ZodType): z.ZodType {
  let inner = schema;
  while (inner instanceof z.ZodPrefault || inner instanceof z.ZodOptional || inner instanceof z.ZodDefault) {
    inner = inner.unwrap() as z.ZodType;
  }
  return inner;
}

/** The schema of the value at `path`, wrappers removed; undefined where the schema knows nothing. */
export function schemaAt(path: Path): z.ZodType | undefined {
  let here: z.ZodType | undefined = topologySchema;
  for (const part of path) {
    if (here instanceof z.ZodRecord) here = unwrap(here.valueType as z.ZodType);
    else if (here instanceof z.ZodArray) here = unwrap(here.element as z.ZodType);
    else if (here instanceof z.ZodObject) {
      const shape = here.shape as Readonly<Record<string, z.ZodType>>;
      const next: z.ZodType | undefined = Object.hasOwn(shape, part) ? shape[part] : undefined;
      here = next === undefined ? undefined : unwrap(next);
    } else return undefined;
  }
  return here;
}

/** The keys a map at `path` may have; empty where names are free. */
export function keysAt(path: Path): readonly string[] {
  const schema = schemaAt(path);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

/** One row of the reference. */
export interface KeyReference extends KeyDocs {
  /** `balancers.NAME.weight` */
  readonly path: string;
  readonly required: boolean;
  /** As it would be written in the file; undefined when required or `defaultText` says it. */
  readonly defaultValue: string | undefined;
}

/** Every key of the file, in the order of the schema. Throws when one has no docs. */
export function keyReference(): readonly KeyReference[] {
  const rows: KeyReference[] = [];
  const visit = (schema: z.ZodType, path: string): void => {
    const inner = unwrap(schema);
    if (inner instanceof z.ZodRecord) {
      const entry = inner.valueType as z.ZodType;
      if (entry instanceof z.ZodObject) visit(entry, `${path}.NAME`);
      return;
    }
    if (!(inner instanceof z.ZodObject)) return;
    for (const [key, value] of Object.entries(inner.shape as Readonly<Record<string, z.ZodType>>)) {
      const docs = keyDocs.get(value);
      const here = path === '' ? key : `${path}.${key}`;
      if (docs === undefined) throw new TypeError(`the key ${here} has no docs`);
      const fallback: unknown = value instanceof z.ZodPrefault ? value.def.defaultValue : undefined;
      const isMap = typeof fallback === 'object';
      rows.push({
        ...docs,
        path: here,
        required: !value.safeParse(undefined).success,
        defaultValue: fallback === undefined || isMap ? undefined : String(fallback as string | number),
      });
      visit(value, here);
    }
  };
  visit(topologySchema, '');
  return rows;
}

/** The JSON Schema (draft 7) for editors, of what people write. */
export function jsonSchema(): Readonly<Record<string, unknown>> {
  return z.toJSONSchema(topologySchema, { target: 'draft-7', io: 'input' });
}
