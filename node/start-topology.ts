/** What topology a node starts with, and which node it is: from its source, or from what it kept on disk. */
import {
  findSelf,
  formatProblem,
  invalidTopology,
  ownAddresses,
  parseTopology,
  type ParseResult,
  type Problem,
  type Tier,
  type Topology,
  type TopologySource,
} from '../topology/index.ts';
import { digestOf, heldFromFile, runningText, startWith, type Holding } from './rollout/holding.ts';
import { compareStamps, stampInNote } from './rollout/stamp.ts';
import { readHoldings } from './rollout/store.ts';

export interface StartTopology {
  readonly topology: Topology;
  readonly name: string;
  readonly holding: Holding;
  /** The file is older than what runs, and is to be rewritten. */
  readonly rewrite: boolean;
  /** One line each. */
  readonly warnings: readonly string[];
}

/**
 * The file is in force, unless it still reads as before the last roll-out this node took. A file that is missing or
 * broken is replaced by what was kept, with a warning; what was kept and cannot be used, as of a newer version of headgate,
 * counts as never taken, so that the node catches up with others as soon as it can. Throws HEADGATE_TOPOLOGY_INVALID when nothing was kept, and
 * what findSelf throws.
 */
export async function startTopology(
  source: TopologySource,
  tier: Tier,
  name: string | undefined,
  directory: string,
): Promise<StartTopology> {
  const found = await source.read();
  const { text, problem } = found;
  const file: ParseResult = text === undefined ? { problems: [problem] } : parseTopology(text, source.name);
  if (text === undefined || file.topology === undefined) {
    const problems = file.topology === undefined ? file.problems : [];
    return fromKept(source, tier, name, directory, problems);
  }
  const self = (topology: Topology): string => findSelf(topology, tier, ownAddresses(), name).name;
  const fileSelf = attempt(() => self(file.topology));
  const known = await readHoldings(directory, source.name, tier, name ?? fileSelf.value);
  const kept = known.values().next().value;
  const warnings = file.warnings.map(formatProblem);
  const stamp = found.text === undefined ? undefined : stampInNote(found.note, file.topology.hash);
  // Of a node that knows nothing but its source.
  const fresh: Holding =
    stamp === undefined
      ? heldFromFile(file.topology.hash, text)
      : { stamp, text, local: null, fileDigest: digestOf(text) };
  if (stamp !== undefined && (kept === undefined || compareStamps(stamp, kept.stamp) > 0)) {
    return { topology: file.topology, name: fileSelf.get(), holding: fresh, rewrite: false, warnings };
  }
  // A shared store that was put back to an older roll-out than this node has taken does not take the node back.
  const isOlder = stamp !== undefined && kept !== undefined && compareStamps(stamp, kept.stamp) < 0;
  const start = isOlder
    ? ({ holding: kept, from: 'kept' } as const)
    : startWith(kept, { hash: file.topology.hash, text })!;
  if (start.from === 'file')
    return {
      topology: file.topology,
      name: fileSelf.get(),
      holding: start.holding,
      rewrite: false,
      warnings,
    };
  const { topology } = parseTopology(runningText(start.holding), source.name);
  if (topology !== undefined)
    return { topology, name: self(topology), holding: start.holding, rewrite: true, warnings: [] };
  warnings.push(
    `what was kept of generation ${start.holding.stamp.generation} is not usable: starting with ${source.name}`,
  );
  return { topology: file.topology, name: fileSelf.get(), holding: fresh, rewrite: false, warnings };
}

async function fromKept(
  source: TopologySource,
  tier: Tier,
  name: string | undefined,
  directory: string,
  problems: readonly Problem[],
): Promise<StartTopology> {
  const known = await readHoldings(directory, source.name, tier, name);
  for (const [node, holding] of known) {
    const { topology } = parseTopology(runningText(holding), source.name);
    if (topology === undefined) continue;
    const self = attempt(() => findSelf(topology, tier, ownAddresses(), name).name);
    if (self.value !== node) continue;
    const warnings = [
      ...problems.map(formatProblem),
      `the topology is not usable: starting with the last good one, generation ${holding.stamp.generation} (${topology.hash})`,
    ];
    return { topology, name: node, holding, rewrite: false, warnings };
  }
  throw invalidTopology(problems, source.name);
}

interface Attempt<Value> {
  readonly value: Value | undefined;
  /** Throws what the attempt threw. */
  get(): Value;
}

function attempt<Value>(run: () => Value): Attempt<Value> {
  try {
    const value = run();
    return { value, get: () => value };
  } catch (error) {
    return {
      value: undefined,
      get() {
        throw error;
      },
    };
  }
}
