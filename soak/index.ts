/**
 * `npm run soak -- [cluster|model|topology] [--hours H | --cases N] [--seed S] [--json FILE]`: what takes too long for `npm test`.
 * `model`: the eBPF program against forward() (10,000,000 packets; root). `topology`: the loader against broken files (1,000,000).
 * `cluster`: hosts in network namespaces with people talking while the topology changes and processes die, every promise
 * checked all the time (an hour; root). A line of progress a minute; ends by itself with a summary, exit code 1 when a
 * promise was broken. The same seed makes the same decisions.
 */
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { systemClock } from '../lib/clock/index.ts';
import { describeError } from '../lib/errors/index.ts';
import { soakCluster } from './cluster/index.ts';
import { soakModel } from './model.ts';
import { soakOptions, usage, type SoakName, type SoakOptions } from './options.ts';
import { Progress } from './progress.ts';
import type { SoakResult } from './result.ts';
import { soakTopology } from './topology.ts';

const soaks: Readonly<
  Record<SoakName, (seed: number, progress: Progress, print: (line: string) => void) => Promise<SoakResult>>
> = { cluster: soakCluster, model: soakModel, topology: soakTopology };

/** Characters of a problem that the terminal gets; the summary has all. */
const shownOfProblem = 2_000;

function readOptions(): SoakOptions | undefined {
  try {
    return soakOptions(process.argv.slice(2), randomInt(2 ** 32));
  } catch (error) {
    console.error(`${describeError(error)}\n${usage}`);
    process.exitCode = 2;
    return undefined;
  }
}

async function run(options: SoakOptions): Promise<void> {
  const { name, seed, json } = options;
  const print = (line: string): void => console.log(`${new Date().toISOString()} ${line}`);
  print(`soak ${name}, seed ${seed}`);
  const date = new Date().toISOString();
  const commit = revision();
  const progress = new Progress(options, systemClock, print);
  const { cases, problems, facts } = await soaks[name](seed, progress, print);
  const summary = {
    soak: name,
    command: `npm run soak -- ${process.argv.slice(2).join(' ')}`,
    date,
    revision: commit,
    seed,
    cases,
    minutes: Number((progress.elapsedMs / 60_000).toFixed(1)),
    machine: { kernel: release(), cores: cpus().length, node: process.version, loadAverage: loadavg() },
    held: problems.length === 0,
    problems,
    ...facts,
  };
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(summary, null, 2)}\n`);
  print(
    `${cases} cases in ${summary.minutes} min, ${summary.held ? 'everything held' : 'NOT EVERYTHING HELD'}`,
  );
  for (const problem of problems) console.error(problem.slice(0, shownOfProblem));
  process.exitCode = summary.held ? 0 : 1;
}

/** The commit that is soaked; a plus sign stands for changes that are in none. Undefined outside of a repository. */
function revision(): string | undefined {
  const git = (...args: string[]): string | undefined => {
    const { status, stdout } = spawnSync('git', args, { encoding: 'utf8' });
    return status === 0 ? stdout.trim() : undefined;
  };
  const commit = git('rev-parse', '--short=12', 'HEAD');
  return commit === undefined ? undefined : `${commit}${git('status', '--porcelain') === '' ? '' : '+'}`;
}

if (process.argv.includes('--help')) console.log(usage);
else {
  const options = readOptions();
  if (options !== undefined) await run(options);
}
