/** Appliers that die, or are interrupted, at any step: the nodes are left with one topology and nothing staged. */
import test, { type ExecutionContext } from 'ava';
import { HeadgateError, isHeadgateError } from '../../../lib/errors/index.ts';
import {
  abortMethod,
  offerMethod,
  renewMethod,
  stageMethod,
  switchMethod,
} from '../../../node/rollout/messages.ts';
import { takeLoopbackBlock, type LoopbackBlock } from '../../loopback-block.ts';
import { until } from '../../until.ts';
import { dyingApplier, wrap, type DyingApplier } from './dying-applier.ts';
import { meaning, names, startAgents, textOf, type TestCluster } from './agents.ts';

/** One that is killed before its `nth` message of a kind: nothing any more, and the kernel closes its connections. */
interface Death {
  readonly before: string;
  readonly nth: number;
  /** Whether somebody has been told to switch by then. */
  readonly switched: boolean;
  /** Where it makes a difference: a node is removed with the change. */
  readonly removes?: boolean;
  /** What c2 does in phase one, the last but one of those that are asked. */
  readonly check?: (applier: DyingApplier) => void | Promise<void>;
}

const refuses = (): never => {
  throw new HeadgateError('HEADGATE_CONTROL_PORT_TAKEN', 'port 9000 is taken');
};
const waitsForDeath = async ({ dead }: DyingApplier): Promise<void> => {
  await until(dead, 'the applier to die while it renews');
};

const deaths: readonly Death[] = [
  ...names.map((_, index): Death => ({ before: stageMethod, nth: index + 1, switched: false })),
  { before: renewMethod, nth: 1, switched: false, check: waitsForDeath },
  { before: renewMethod, nth: 3, switched: false, check: waitsForDeath },
  { before: abortMethod, nth: 1, switched: false, check: refuses },
  { before: abortMethod, nth: 3, switched: false, check: refuses },
  { before: switchMethod, nth: 1, switched: false },
  ...names.slice(1).map((_, index): Death => ({ before: switchMethod, nth: index + 2, switched: true })),
  { before: offerMethod, nth: 1, switched: true, removes: true },
];

/** What a cluster runs while one applier after the other dies. */
interface Course {
  readonly cluster: TestCluster;
  readonly block: LoopbackBlock;
  text: string;
  generation: number;
  weight: number;
}

async function begin(t: ExecutionContext): Promise<Course> {
  t.timeout(180_000);
  const block = await takeLoopbackBlock(t);
  const text = textOf(block);
  return { cluster: await startAgents(t, text), block, text, generation: 0, weight: 1 };
}

/** Waits until every node runs what is to run, with nothing staged. */
async function agreed({ cluster, generation, text }: Course, what: string): Promise<void> {
  try {
    await cluster.agreed(generation, meaning(text).hash);
  } catch (cause) {
    throw new Error(`${what}: not one topology everywhere`, { cause });
  }
}

test('an applier killed before any of its messages leaves one topology: the old one unless somebody has switched', async (t) => {
  const course = await begin(t);
  const { cluster, block } = course;
  for (const death of deaths) {
    const what = `killed before ${death.before} number ${death.nth}`;
    const changed = textOf(block, { weight: ++course.weight });
    const candidate = death.removes ? changed.replace(/ {2}b2: .*\n/, '') : changed;
    const applier = dyingApplier(death, cluster.connect);
    cluster.node('c2').check = () => death.check?.(applier);
    void cluster
      .apply(candidate, { connect: applier.connect, running: meaning(course.text) })
      .catch(() => undefined);
    await until(applier.dead, `the applier to be ${what}`);
    if (death.switched) {
      course.text = candidate;
      course.generation++;
    }
    await agreed(course, what);
  }
  cluster.node('c2').check = () => undefined;
  // Nothing is left in the way of the next one.
  course.text = textOf(block, { weight: ++course.weight });
  const { stamp } = await cluster.apply(course.text, { running: meaning(course.text) });
  t.is(stamp.generation, ++course.generation);
  await agreed(course, 'at the end');
});

test('an applier that is interrupted takes back what it staged, and undoes nothing once somebody has switched', async (t) => {
  const course = await begin(t);
  const { cluster, block } = course;
  for (const [kind, nth] of [
    ['staged', 1],
    ['staged', 4],
    ['staged', names.length],
    ['switched', 1],
    ['settled', 1],
  ] as const) {
    const stop = new AbortController();
    let seen = 0;
    const text = textOf(block, { weight: ++course.weight });
    const outcome = await cluster
      .apply(text, {
        running: meaning(course.text),
        watchMs: 60_000,
        signal: stop.signal,
        onEvent: (event) => {
          if (event.kind === kind && ++seen === nth) stop.abort();
        },
      })
      .catch((error: unknown) => error);
    if (kind === 'staged') {
      t.true(isHeadgateError(outcome, 'HEADGATE_ROLLOUT_INTERRUPTED'), String(outcome));
      t.is(
        (outcome as HeadgateError).message,
        'the roll-out was interrupted; nobody has switched, what was staged was taken back',
      );
      // At once: nobody had to wait for a lease.
      t.true([...cluster.nodes.values()].every(({ agent }) => agent.status().staged === null));
    } else {
      course.text = text;
      course.generation++;
      t.like(outcome, { rolledBack: undefined });
    }
    await agreed(course, `interrupted when ${kind} for the ${nth}. time`);
  }
});

test('an interrupted applier names whoever does not say that it took back what was staged', async (t) => {
  const { cluster, block } = await begin(t);
  const stop = new AbortController();
  const interrupted = cluster.apply(textOf(block, { weight: 2 }), {
    signal: stop.signal,
    onEvent: ({ kind }) => void (kind === 'staged' && stop.abort()),
    async connect(address) {
      const connection = await cluster.connect(address);
      return {
        ...wrap(connection),
        request(method, body, timeoutMs) {
          if (method === abortMethod) connection.close();
          return connection.request(method, body, timeoutMs);
        },
      };
    },
  });
  await t.throwsAsync(interrupted, {
    code: 'HEADGATE_ROLLOUT_INTERRUPTED',
    message: `the roll-out was interrupted; nobody has switched, ${names[0]} did not say that it took back what was staged, and will drop it within seconds`,
  });
});
