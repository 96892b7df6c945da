/** From text to a Topology, or to everything that is wrong with it. */
import { checkAcross, warningsOf, type CheckedFile } from './checks/index.ts';
import { formatProblem, type Finding, type Problem } from './problem.ts';
import { namesOf, validPart } from './prune.ts';
import { resolveTopology } from './resolve.ts';
import { findingsOf } from './schema/findings.ts';
import { topologySchema } from './schema/index.ts';
import type { Topology } from './types.ts';
import { readYaml, type YamlSource } from './yaml-source.ts';

/** Most problems told at once; the rest is counted. */
const maxProblems = 200;

export type ParseResult =
  | { readonly topology: Topology; readonly warnings: readonly Problem[] }
  | { readonly topology?: undefined; readonly problems: readonly Problem[] };

/**
 * Reads a topology from its YAML text. Pure; never throws. All problems come at once, in the order of the text,
 * YAML's own alone. `fileName` is what messages call the file, and where relative paths in it begin.
 */
export function parseTopology(text: string, fileName: string): ParseResult {
  const source = readYaml(text, fileName);
  if ('problems' in source) return { problems: bounded(source.problems) };
  const shape = topologySchema.safeParse(source.value);
  const findings: Finding[] = [...source.findings];
  if (!shape.success)
    findings.push(...shape.error.issues.flatMap((issue) => findingsOf(issue, source.value)));
  const file = shape.success ? shape.data : validPart(source.value, shape.error.issues);
  if (file !== undefined) {
    const names = {
      services: namesOf(source.value, 'services'),
      directors: namesOf(source.value, 'directors'),
      balancers: namesOf(source.value, 'balancers'),
      chatservers: namesOf(source.value, 'chatservers'),
    };
    findings.push(...checkAcross({ file, names, value: source.value } satisfies CheckedFile));
  }
  if (findings.length > 0 || file === undefined) return { problems: bounded(located(source, findings)) };
  const topology = resolveTopology(file, fileName);
  return { topology, warnings: bounded(located(source, warningsOf(topology, file))) };
}

function located(source: YamlSource, findings: readonly Finding[]): readonly Problem[] {
  return findings
    .map((finding) => source.locate(finding))
    .toSorted((one, other) => one.line - other.line || one.column - other.column);
}

function bounded(problems: readonly Problem[]): readonly Problem[] {
  const last = problems[maxProblems];
  if (last === undefined) return problems;
  const message = `${problems.length - maxProblems} more problems from here on`;
  return [...problems.slice(0, maxProblems), { ...last, path: '', message }];
}

/** All problems as lines of text. */
export function formatProblems(problems: readonly Problem[]): string {
  return problems.map(formatProblem).join('\n');
}
