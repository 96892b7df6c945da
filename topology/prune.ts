/**
 * Leaves out of a file what the schema refused, so that the checks across nodes can still look at the rest and
 * all problems are told at once.
 */
import type { z } from 'zod';
import { sections, topologySchema, type Section, type TopologyFile } from './schema/index.ts';
import { valueAt } from './yaml-source.ts';

/** Keys whose loss cannot make another check complain wrongly; without any other key its whole entry goes. */
const harmless = new Set([
  'weight',
  'state',
  'drainUntil',
  'workers',
  'maxConnections',
  'engine',
  'sources',
  'balancing',
  'buffer',
  'timeouts',
  'proxyProtocol',
  'forwarding',
  'interface',
]);

/** What stands in for a top-level value that is missing or wrong; none of the checks looks at it. */
const standIns: Readonly<Record<string, unknown>> = {
  version: 1,
  cluster: 'x',
  secret: { env: 'X' },
  services: {},
  directors: {},
  balancers: {},
  chatservers: {},
};

/** The valid part of a file that failed with `issues`; undefined when nothing can be made of it. */
export function validPart(value: unknown, issues: readonly z.core.$ZodIssue[]): TopologyFile | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const file = structuredClone(value) as Record<string, unknown>;
  for (const issue of issues) {
    const path = issue.path.map(String);
    if (issue.code === 'unrecognized_keys' && path.length === 0)
      for (const key of issue.keys) delete file[key];
    else remove(file, path);
  }
  for (const [key, standIn] of Object.entries(standIns)) if (!Object.hasOwn(file, key)) file[key] = standIn;
  const result = topologySchema.safeParse(file);
  return result.success ? result.data : undefined;
}

function remove(file: Record<string, unknown>, path: readonly string[]): void {
  const [section = '', name, key] = path;
  if (!isSection(section) || name === undefined) return void delete file[section];
  const entries = file[section] as Record<string, unknown> | undefined;
  const entry = entries?.[name] as Record<string, unknown> | undefined;
  if (entries === undefined || entry === undefined) return;
  if (key !== undefined && harmless.has(key)) delete entry[key];
  else delete entries[name];
}

function isSection(text: string): text is Section {
  return (sections as readonly string[]).includes(text);
}

/** Names of a section as written, valid or not. */
export function namesOf(value: unknown, section: Section): readonly string[] {
  const entries = valueAt(value, [section]);
  return typeof entries === 'object' && entries !== null && !Array.isArray(entries)
    ? Object.keys(entries)
    : [];
}
