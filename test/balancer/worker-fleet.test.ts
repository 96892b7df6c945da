import test from 'ava';
import pino from 'pino';
import { emptyPlan } from '../../balancer/pick-plan.ts';
import { WorkerFleet, type FleetMember } from '../../balancer/worker-fleet.ts';
import type { WorkerProcess } from '../../balancer/worker-process.ts';
import type { ToWorker, WorkerConfig } from '../../balancer/worker-protocol.ts';
import { ManualClock } from '../manual-clock.ts';

const engine = { engine: 'node', reason: 'engine node: asked for', isFallback: false, limit: 10 };

class FakeProcess implements WorkerProcess {
  readonly pid: number;
  readonly received: ToWorker[] = [];
  killed = false;
  #message: (message: unknown) => void = () => {};
  #exit: (why: string) => void = () => {};

  constructor(pid: number) {
    this.pid = pid;
  }

  send(message: ToWorker): void {
    this.received.push(message);
  }
  onMessage(run: (message: unknown) => void): void {
    this.#message = run;
  }
  onExit(run: (why: string) => void): void {
    this.#exit = run;
  }
  dismiss(): void {
    this.exit('exit code 0');
  }
  kill(): void {
    this.killed = true;
  }

  says(message: unknown): void {
    this.#message(message);
  }
  exit(why: string): void {
    this.#exit(why);
  }
  apply(revision = 1): void {
    this.says({ kind: 'applied', revision, engine, listening: ['chat'], listeningVip: [], failures: [] });
  }
  /** Answers the last ping. */
  pong(): void {
    const ping = this.received.findLast((message) => message.kind === 'ping');
    if (ping?.kind === 'ping') this.says({ kind: 'pong', beat: ping.beat });
  }
  get pings(): number {
    return this.received.filter(({ kind }) => kind === 'ping').length;
  }
}

interface Setup {
  readonly fleet: WorkerFleet;
  readonly clock: ManualClock;
  /** Every process ever started. */
  readonly processes: FakeProcess[];
  /** Ids of those that fell silent. */
  readonly silent: number[];
  readonly gone: { readonly member: FleetMember; readonly served: boolean }[];
}

const intervalMs = 1_000;
const config: WorkerConfig = {
  revision: 1,
  accepting: true,
  services: [],
  upstreams: [],
  plan: emptyPlan,
  sources: [],
};

function setup(size: number): Setup {
  const clock = new ManualClock();
  const processes: FakeProcess[] = [];
  const gone: { member: FleetMember; served: boolean }[] = [];
  const silent: number[] = [];
  const fleet = new WorkerFleet(
    {
      size,
      spawn() {
        processes.push(new FakeProcess(100 + processes.length));
        return processes.at(-1)!;
      },
      start: {
        limit: 10,
        reusePort: true,
        engine: 'node',
        engineReason: engine.reason,
        engineIsWish: true,
        table: undefined,
        log: { level: 'info', bindings: {} },
      },
      clock,
      log: pino({ level: 'silent' }),
      beat: { intervalMs, misses: 3, deadAfterMs: 6 * intervalMs },
      events: {
        requests: (_member, requests) => requests.flatMap((one) => (one[0] === 'pick' ? [one[1], 5] : [])),
        report() {},
        flows: () => true,
        applied() {},
        silent: (member) => void silent.push(member.id),
        gone: (member, served) => void gone.push({ member, served }),
      },
    },
    config,
  );
  return { fleet, clock, processes, gone, silent };
}

test('each worker is told how to start and then the config', (t) => {
  const { processes } = setup(2);
  for (const { received } of processes)
    t.deepEqual(
      received.map(({ kind }) => kind),
      ['start', 'config'],
    );
  t.is(processes.length, 2);
});

test('a worker that answers its beats lives on, also when an answer is late', (t) => {
  const { clock, processes } = setup(1);
  processes[0]!.apply();
  for (let beat = 0; beat < 20; beat++) {
    clock.advance(intervalMs);
    if (beat % 3 === 2) processes[0]!.pong();
  }
  t.is(processes[0]!.pings, 20);
  t.false(processes[0]!.killed);
});

test('a worker that misses three beats in a row gets nothing new, and the config again when it answers', (t) => {
  const { clock, processes, fleet, silent } = setup(1);
  const [worker] = processes;
  worker!.apply();
  clock.advance(3 * intervalMs);
  t.is(fleet.members()[0]!.misses, 2);
  t.deepEqual(silent, []);
  clock.advance(2 * intervalMs);
  t.deepEqual(silent, [1], 'it is told once');
  t.is(fleet.stats.workersSilent, 1);
  t.false(worker!.killed);
  const before = worker!.received.length;
  worker!.pong();
  t.deepEqual(
    worker!.received.slice(before).map(({ kind }) => kind),
    ['config'],
  );
  worker!.pong();
  t.is(worker!.received.length, before + 1);
  clock.advance(intervalMs);
  t.false(worker!.killed);
  t.is(fleet.stats.workersStuck, 0);
});

test('a worker that is silent for the time after which the dead are given up is killed and replaced at once', (t) => {
  const { clock, processes, fleet, gone } = setup(1);
  processes[0]!.apply();
  clock.advance(6 * intervalMs);
  t.is(fleet.members()[0]!.misses, 5);
  t.false(processes[0]!.killed);
  clock.advance(intervalMs);
  t.true(processes[0]!.killed);
  clock.advance(8 * intervalMs);
  t.is(fleet.stats.workersStuck, 1, 'it is killed once');
  processes[0]!.exit('signal SIGKILL');
  clock.advance(0);
  t.is(processes.length, 2);
  t.deepEqual(
    gone.map(({ served }) => served),
    [true],
  );
});

test('beats that fell due while the supervisor was late are no misses', (t) => {
  class LateClock extends ManualClock {
    /** Time that passes without a timer being run, as when the process was stopped. */
    stopped = 0;
    override now(): number {
      return super.now() + this.stopped;
    }
  }
  const clock = new LateClock();
  const process = new FakeProcess(1);
  const fleet = new WorkerFleet(
    {
      size: 1,
      spawn: () => process,
      start: {
        limit: 1,
        table: undefined,
        reusePort: true,
        engine: 'node',
        engineReason: engine.reason,
        engineIsWish: true,
        log: { level: 'info', bindings: {} },
      },
      clock,
      log: pino({ level: 'silent' }),
      beat: { intervalMs, misses: 3, deadAfterMs: 6 * intervalMs },
      events: { requests: () => [], report() {}, flows: () => true, applied() {}, silent() {}, gone() {} },
    },
    config,
  );
  process.apply();
  for (let round = 0; round < 6; round++) {
    clock.stopped += 10 * intervalMs;
    clock.advance(intervalMs);
  }
  t.is(fleet.members()[0]!.misses, 0);
  t.false(process.killed);
});

test('a worker that does not come to its first listener in time is killed', (t) => {
  const { clock, processes } = setup(1);
  clock.advance(30_000);
  t.is(processes[0]!.pings, 0);
  t.false(processes[0]!.killed);
  clock.advance(2 * intervalMs);
  t.true(processes[0]!.killed);
});

test('a dead worker is replaced at once, and with growing pauses when its place keeps dying', (t) => {
  const { clock, processes, fleet } = setup(1);
  const pauses: number[] = [];
  for (let death = 0; death < 9; death++) {
    processes.at(-1)!.exit('exit code 1');
    const before = clock.now();
    for (const count = processes.length; processes.length === count;) clock.advance(50);
    pauses.push(clock.now() - before);
  }
  t.deepEqual(pauses, [50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  t.is(fleet.stats.workersDied, 9);
  processes.at(-1)!.apply();
  for (let beat = 0; beat < 20; beat++) {
    clock.advance(intervalMs);
    processes.at(-1)!.pong();
  }
  processes.at(-1)!.exit('exit code 1');
  clock.advance(0);
  t.is(processes.length, 11, 'one that was well for a while is replaced at once again');
});

test('a worker started later gets the running config, and a fleet with a gap has not applied it', (t) => {
  const { clock, processes, fleet } = setup(2);
  for (const process of processes) process.apply();
  t.true(fleet.hasApplied(1));
  fleet.publish({ ...config, revision: 2 });
  t.false(fleet.hasApplied(2));
  processes[0]!.apply(2);
  processes[1]!.exit('signal SIGKILL');
  t.false(fleet.hasApplied(2));
  clock.advance(0);
  t.like(processes[2]!.received[1], { kind: 'config', config: { revision: 2 } });
  t.false(fleet.hasApplied(2));
  processes[2]!.apply(2);
  t.true(fleet.hasApplied(2));
});

test('when nothing is accepted any more a dead worker is not replaced', (t) => {
  const { clock, processes, fleet } = setup(2);
  for (const process of processes) process.apply();
  fleet.publish({ ...config, revision: 2, accepting: false });
  processes[0]!.apply(2);
  processes[1]!.exit('signal SIGKILL');
  clock.advance(60_000);
  t.is(processes.length, 2);
  t.true(fleet.hasApplied(2));
});

test('picks are answered in one message, nonsense is dropped and counted', (t) => {
  const { processes, fleet } = setup(1);
  const [worker] = processes;
  worker!.says({
    kind: 'requests',
    requests: [
      ['pick', 1, 'chat', '10.0.0.1', 1, []],
      ['release', 3],
      ['pick', 2, 'chat', '10.0.0.1', 1, []],
    ],
  });
  t.deepEqual(worker!.received.at(-1), { kind: 'answers', answers: [1, 5, 2, 5] });
  worker!.says({ kind: 'requests', requests: 'all of them' });
  worker!.says(null);
  t.is(fleet.stats.badWorkerMessages, 2);
  t.is(worker!.received.length, 3);
});

test('close dismisses every worker and replaces none; one that does not leave is killed', async (t) => {
  const { processes, fleet, clock } = setup(2);
  processes[1]!.dismiss = () => {};
  processes[1]!.kill = () => processes[1]!.exit('signal SIGKILL');
  const closed = fleet.close();
  clock.advance(10_000);
  await closed;
  t.is(processes.length, 2);
  t.deepEqual(fleet.members(), []);
});

test('a changed interval changes the beats', (t) => {
  const { processes, fleet, clock } = setup(1);
  processes[0]!.apply();
  fleet.setBeat({ intervalMs: 100, misses: 3, deadAfterMs: 1_000 });
  clock.advance(200);
  t.is(processes[0]!.pings, 2);
});
