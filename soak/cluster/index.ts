/** A whole cluster under people who talk, while everything happens to it that the promises cover. */
import { describeError } from '../../lib/errors/index.ts';
import type { NodeStatus } from '../../node/index.ts';
import { unmountBpffs } from '../../lib/linux/bpf/index.ts';
import { mountPins } from '../../test/pins.ts';
import { probeLab } from '../../test/lab/index.ts';
import { ownTemporaryFolder } from '../../test/own-temporary-folder.ts';
import type { Progress } from '../progress.ts';
import type { SoakResult } from '../result.ts';
import { Scope } from '../../test/scope.ts';
import { SeededRandom } from '../seeded-random.ts';
import { carryOut } from './carry-out.ts';
import { growing, holdingsOf, HoldingsLog, tolerances } from './holdings.ts';
import { Crowd, crowdSize, visit } from './people.ts';
import { Stage } from './stage.ts';
import { nextStep } from './steps.ts';
import { firstWorld, takersOf, type Forwarding, type World } from './world.ts';

/** After so much nobody needs more. */
const mostProblems = 20;
const keptLines = 40;

interface Tally {
  readonly steps: Record<string, number>;
  guests: number;
  readonly problems: string[];
  /** Of the nodes after each round with a problem. */
  readonly lastLines: Record<string, readonly string[]>;
  /** When the soak could not go on. */
  lastStatuses?: readonly NodeStatus[];
}

/** A case is a round: one step, then guests, then everything that was said is heard, then what processes hold. */
export async function soakCluster(
  seed: number,
  progress: Progress,
  print: (line: string) => void,
): Promise<SoakResult> {
  const missing = probeLab();
  if (missing !== undefined) throw new Error(missing);
  // Also what a test's helpers make in the temporary folder goes when Ctrl-C ends this.
  let pins: string | undefined;
  const folder = ownTemporaryFolder('headgate-soak-', () => {
    if (pins !== undefined) unmountBpffs(pins);
  });
  pins = mountPins(folder);
  const scope = new Scope();
  const log = new HoldingsLog();
  const tally: Tally = { steps: {}, guests: 0, problems: [], lastLines: {} };
  let crowd: Crowd | undefined;
  try {
    const stage = await Stage.start(scope, firstWorld, pins);
    crowd = new Crowd(stage.lab);
    await crowd.arrive();
    const modes = await stage.modes();
    print(`${stage.running.size} nodes are up, ${crowdSize} people talk; forwarding: ${modes.join(', ')}`);
    await rounds(seed, modes, stage, crowd, progress, log, tally, print);
    await crowd.leave();
  } catch (error) {
    tally.problems.push(`the soak could not go on: ${describeError(error)}`);
  } finally {
    await scope.close();
  }
  const trends = log.trends();
  const totals = crowd?.totals;
  const { problems, ...told } = tally;
  return {
    cases: progress.cases,
    problems: [...problems, ...(totals?.problems ?? []), ...growing(trends)],
    facts: { people: crowdSize, ...told, crowd: totals, tolerances, trends },
  };
}

async function rounds(
  seed: number,
  modes: readonly Forwarding[],
  stage: Stage,
  crowd: Crowd,
  progress: Progress,
  log: HoldingsLog,
  tally: Tally,
  print: (line: string) => void,
): Promise<void> {
  const random = new SeededRandom(seed);
  let world = firstWorld;
  while (!progress.isOver && tally.problems.length + crowd.totals.problems.length < mostProblems) {
    const step = nextStep(world, random, modes);
    const round = progress.cases + 1;
    const told = JSON.stringify(step.do === 'change' ? { change: step.what } : step);
    const knownProblems = tally.problems.length + crowd.totals.problems.length;
    try {
      const outcome = await carryOut(step, world, stage, crowd);
      world = outcome.world;
      tally.problems.push(...outcome.problems);
      tally.steps[step.do] = (tally.steps[step.do] ?? 0) + 1;
      for (const name of crashed(stage, step.do, world)) tally.problems.push(`${name} ended by itself`);
      await stage.untilAsWanted(world);
      tally.problems.push(...(await checkGuests(round, world, stage)));
      tally.guests += 1;
      await crowd.settle();
      const statuses = await stage.untilCounted(crowdSize);
      sample(stage, statuses, progress.elapsedMs, log);
      await crowd.talk();
    } catch (error) {
      keepLines(stage, round, tally);
      tally.lastStatuses = [...(await stage.statuses().catch(() => new Map<string, NodeStatus>())).values()];
      await crowd.report().catch(() => undefined);
      throw new Error(`round ${round}, ${world.forwarding}, ${told}`, { cause: error });
    }
    const problems = [...tally.problems, ...crowd.totals.problems];
    if (problems.length > knownProblems) {
      keepLines(stage, round, tally);
      print(`round ${round}, ${world.forwarding}, ${told}: ${problems.slice(knownProblems).join('; ')}`);
    }
    progress.advance(1, () => progressLine(tally, crowd));
  }
}

/** What the nodes said last: to be read when something is wrong. */
function keepLines(stage: Stage, round: number, tally: Tally): void {
  for (const [name, { lines }] of stage.running)
    tally.lastLines[`round ${round}, ${name}`] = lines.slice(-keptLines).map(({ text }) => text);
}

/** Nodes of the topology that are gone and were not killed. */
function crashed(stage: Stage, what: string, world: World): string[] {
  const mayBeGone = what === 'kill-balancer' || what === 'change';
  if (mayBeGone) return [];
  const wanted = ['d1', ...Object.keys(world.balancers), ...Object.keys(world.chatservers)];
  return wanted.filter((name) => !stage.running.has(name));
}

/** New connections go to those that may get them, and work (promises 2 and 3). */
async function checkGuests(round: number, world: World, stage: Stage): Promise<string[]> {
  const problems: string[] = [];
  const balancers = takersOf(world.balancers);
  const before = await stage.untilCounted(crowdSize);
  const report = await visit(stage.lab, round, async () => {
    for (const [name, { tier, accepted }] of await stage.statuses()) {
      if (tier !== 'balancer' || balancers.includes(name)) continue;
      const more = accepted - (before.get(name)?.accepted ?? 0);
      if (more > 0) problems.push(`${name} took ${more} new connections though it is to get none`);
    }
  });
  const { lost, failedAttempts, failures, servers } = report;
  const chatservers = takersOf(world.chatservers);
  for (const name of Object.keys(servers))
    if (!chatservers.includes(name)) problems.push(`guests were on ${name}, which is to get nobody`);
  if (failedAttempts > 0)
    problems.push(`${failedAttempts} new connections failed: ${JSON.stringify(failures)}`);
  if (lost.unexpected > 0) problems.push(`${lost.unexpected} guests lost their connection`);
  problems.push(...report.problems);
  return problems.map((problem) => `round ${round}: ${problem}`);
}

function sample(
  stage: Stage,
  statuses: ReadonlyMap<string, NodeStatus>,
  atMs: number,
  log: HoldingsLog,
): void {
  for (const [name, program] of stage.running) {
    const own = statuses.get(name)?.connections ?? 0;
    // What the kernel forwards costs the director no descriptor.
    const connections = name === 'd1' ? stage.proxied() : own;
    try {
      log.add(stage.lifeOf(name), atMs, connections, holdingsOf(program.pid));
    } catch (error) {
      // A removed node may end between the question and this.
      if (program.exit === undefined && stage.running.has(name)) throw error;
    }
  }
}

function progressLine({ problems, guests }: Tally, crowd: Crowd): string {
  const { said, heard, lostAsExpected } = crowd.totals;
  const wrong = problems.length + crowd.totals.problems.length;
  return `${said} messages said, ${heard} heard, ${lostAsExpected} connections lost with killed balancers, ${guests} visits, ${wrong} problems`;
}
