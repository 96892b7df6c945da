import test from 'ava';
import {
  next,
  unknownTarget,
  type MonitorEvent,
  type MonitorState,
  type Send,
} from '../../../lib/heartbeat/monitor.ts';
import type { HeartbeatSettings } from '../../../lib/heartbeat/index.ts';

const settings: HeartbeatSettings = { intervalMs: 1_000, misses: 3, rises: 2, deadAfterMs: 10_000 };
const reply = { services: {}, connections: 4, topology: 'abc' };

/** A monitor with a clock: time moves, ticks run when they are due. */
class Bench {
  nowMs = 0;
  state: MonitorState = unknownTarget(0);
  sends: Send[] = [];
  suspects = false;
  readonly settings: HeartbeatSettings;

  constructor(own: Partial<HeartbeatSettings> = {}) {
    this.settings = { ...settings, ...own };
    this.tick();
  }

  apply(event: MonitorEvent): this {
    const step = next(this.state, event, this.nowMs, this.settings);
    this.state = step.state;
    if (step.send !== undefined) this.sends.push(step.send);
    return this;
  }

  tick(): this {
    return this.apply({ type: 'tick', suspectsItself: this.suspects });
  }

  /** Ticks on time for so long. */
  advance(ms: number): this {
    const end = this.nowMs + ms;
    while (this.state.dueMs <= end) {
      this.nowMs = Math.max(this.nowMs, this.state.dueMs);
      this.tick();
    }
    this.nowMs = end;
    return this;
  }

  /** The next tick comes so much after it was due. */
  late(ms: number): this {
    this.nowMs = this.state.dueMs + ms;
    return this.tick();
  }

  good(beat = this.state.beat): this {
    return this.apply({ type: 'good', beat, reply });
  }

  refused(): this {
    return this.apply({ type: 'refused', beat: this.state.beat, why: 'refused' });
  }

  failed(): this {
    return this.apply({ type: 'failed', beat: this.state.beat, why: 'failed' });
  }

  closed(connection = this.state.connection): this {
    return this.apply({ type: 'closed', connection, why: 'closed' });
  }

  get last(): Send | undefined {
    return this.sends.at(-1);
  }
}

/** A target that is up, its beat just answered. */
function up(own: Partial<HeartbeatSettings> = {}): Bench {
  return new Bench(own).good();
}

/** A target that is down by silence. */
function down(own: Partial<HeartbeatSettings> = {}): Bench {
  const bench = up(own);
  while (bench.state.health === 'up') bench.advance(1_000);
  return bench;
}

test('a new target is unknown, is asked at once and is up at the first good beat', (t) => {
  const bench = new Bench();
  t.is(bench.state.health, 'unknown');
  t.deepEqual(bench.sends, [{ beat: 1, connection: 1, fresh: true }]);
  bench.nowMs = 30;
  bench.good();
  t.like(bench.state, { health: 'up', sinceMs: 30, reply, dueMs: 1_000 });
});

test('an unknown target is tried every 100 ms, whether it refuses or fails, and stays unknown', (t) => {
  const bench = new Bench();
  for (let n = 0; n < 50; n += 1) {
    bench.nowMs += 10;
    if (n % 3 === 0) bench.refused();
    else if (n % 3 === 1) bench.failed();
    else bench.closed();
    t.is(bench.state.dueMs, (n + 1) * 100);
    bench.advance(90);
  }
  t.is(bench.sends.length, 51);
  t.like(bench.state, { health: 'unknown', dead: false, misses: 0 });
});

test('an unknown target that does not answer is asked over a fresh connection after half a second', (t) => {
  const bench = new Bench().advance(499);
  t.is(bench.sends.length, 1);
  bench.advance(1);
  t.deepEqual(bench.last, { beat: 2, connection: 2, fresh: true });
});

test('a target that is up is asked once per interval over the connection it has', (t) => {
  const bench = up();
  for (let n = 2; n < 6; n += 1) {
    bench.advance(1_000).good();
    t.deepEqual(bench.last, { beat: n, connection: 1, fresh: false });
  }
  t.is(bench.nowMs, 4_000);
});

test('a beat unanswered when the next is due is a miss, and the next uses a fresh connection', (t) => {
  const bench = up().advance(1_000).advance(999);
  t.is(bench.state.misses, 0);
  bench.advance(1);
  t.like(bench.state, { health: 'up', misses: 1 });
  t.deepEqual(bench.last, { beat: 3, connection: 3, fresh: true });
  bench.good();
  t.is(bench.state.misses, 0);
});

test('three misses in a row are down, two and a good beat are not', (t) => {
  const bench = up().advance(3_000);
  t.like(bench.state, { health: 'up', misses: 2 });
  bench.good().advance(3_000);
  t.like(bench.state, { health: 'up', misses: 2 });
  bench.advance(1_000);
  t.like(bench.state, { health: 'down', misses: 3, dead: false, silent: true });
});

test('an answer that comes late counts for nothing', (t) => {
  const bench = up().advance(2_000);
  const before = bench.state;
  bench.good(2);
  t.is(bench.state, before);
  bench.advance(2_000).good(3).good(4);
  t.is(bench.state.health, 'down');
});

test('a failed beat is a miss at once, and the next comes when it is due', (t) => {
  const bench = up().advance(1_000).failed();
  t.like(bench.state, { misses: 1, outstanding: false });
  t.is(bench.sends.length, 2);
  bench.advance(1_000).failed().advance(1_000).failed();
  t.like(bench.state, { health: 'down', misses: 3 });
  t.is(bench.nowMs, 3_000);
});

test('a killed process is noticed at once: closed, reconnected at once, refused, down and dead', (t) => {
  const bench = up().advance(400);
  bench.closed();
  t.deepEqual(bench.last, { beat: 2, connection: 2, fresh: true });
  t.is(bench.state.health, 'up');
  bench.refused();
  t.like(bench.state, { health: 'down', dead: true, misses: 0, silent: false });
  t.is(bench.nowMs, 400);
});

test('refused without a close before is down, but not dead', (t) => {
  const bench = up().advance(1_000).refused();
  t.like(bench.state, { health: 'down', dead: false });
});

test('a stopped process that is killed is dead at the next refusal', (t) => {
  const bench = down();
  bench.closed();
  t.is(bench.state.dead, false);
  bench.advance(1_000).refused();
  t.is(bench.state.dead, true);
});

test('a closed connection that can be made again changes nothing', (t) => {
  const bench = up().advance(1_300).closed().good();
  t.like(bench.state, { health: 'up', misses: 0, lost: false });
  t.is(bench.state.dueMs, 2_300);
  bench.advance(1_000).refused();
  t.like(bench.state, { health: 'down', dead: false });
});

test('a target that accepts and closes again and again gets three reconnects per round, then a miss', (t) => {
  const bench = up().advance(1_000);
  const before = bench.sends.length;
  for (let n = 0; n < 20; n += 1) bench.closed();
  t.is(bench.sends.length - before, 3);
  t.is(bench.state.misses, 1);
  bench.advance(1_000);
  t.is(bench.sends.length - before, 4);
});

test('closing of a connection given up long ago changes nothing', (t) => {
  const bench = up().advance(2_000);
  const before = bench.state;
  t.is(bench.closed(1).state, before);
  t.is(bench.closed(0).state, before);
});

test('after down it takes two good beats in a row, one per interval', (t) => {
  const bench = down().good();
  t.like(bench.state, { health: 'down', goods: 1, misses: 0 });
  bench.advance(1_000).failed();
  t.is(bench.state.goods, 0);
  bench.advance(1_000).good().advance(1_000).good();
  t.like(bench.state, { health: 'up', goods: 0, misses: 0 });
});

test('down for ten seconds is dead, and two good beats end that too', (t) => {
  const bench = down();
  const { sinceMs } = bench.state;
  while (!bench.state.dead) bench.advance(1_000);
  t.is(bench.nowMs - sinceMs, 10_000);
  bench.good();
  t.is(bench.state.dead, true);
  bench.advance(1_000).good();
  t.like(bench.state, { health: 'up', dead: false });
});

test('a target that answers again does not become dead while it rises', (t) => {
  const bench = down({ rises: 3 }).advance(9_000).good().advance(1_000);
  t.like(bench.state, { health: 'down', dead: false, goods: 1 });
  bench.good().advance(1_000).good();
  t.is(bench.state.health, 'up');
});

test('a round in which the monitor was more than half an interval late is no miss', (t) => {
  const bench = up().advance(1_000).late(501);
  t.like(bench.state, { misses: 0, outstanding: true, beat: 2 });
  t.is(bench.state.dueMs, bench.nowMs + 1_000);
  bench.good(2);
  t.is(bench.state.outstanding, false);
  const punctual = up().advance(1_000).late(500);
  t.is(punctual.state.misses, 1);
});

test('a monitor that was stopped for a minute finds nobody dead', (t) => {
  const bench = down().late(60_000);
  t.is(bench.state.dead, false);
  // One of the ten seconds had passed before it was stopped.
  bench.advance(8_000);
  t.is(bench.state.dead, false);
  bench.advance(1_000);
  t.is(bench.state.dead, true);
});

test('while the monitor suspects itself nobody becomes dead by time, and the time starts anew after it', (t) => {
  const bench = down();
  bench.suspects = true;
  bench.advance(60_000);
  t.is(bench.state.dead, false);
  bench.suspects = false;
  bench.advance(9_000);
  t.is(bench.state.dead, false);
  bench.advance(1_000);
  t.is(bench.state.dead, true);
});

test('an announcement is taken for its content, not as a beat', (t) => {
  const bench = up().advance(1_000);
  const full = { services: {}, connections: 9, topology: 'abc' };
  bench.apply({ type: 'announced', connection: 1, reply: full });
  t.like(bench.state, { outstanding: true, reply: full });
  bench.advance(1_000);
  t.is(bench.state.misses, 1);
  bench.apply({ type: 'announced', connection: 1, reply });
  t.is(bench.state.reply, full, 'from a connection given up');
});

test('probe now beats at once, but one at a time and not more often than every 100 ms', (t) => {
  const bench = up();
  bench.apply({ type: 'probe-now' });
  t.is(bench.sends.length, 1);
  bench.advance(100).apply({ type: 'probe-now' }).apply({ type: 'probe-now' });
  t.deepEqual(bench.sends.slice(1), [{ beat: 2, connection: 1, fresh: false }]);
  t.is(bench.state.dueMs, 1_100);
  bench.failed().advance(500).apply({ type: 'probe-now' });
  t.is(bench.sends.length, 2, 'after a miss the next beat is due soon anyway');
  const lying = down().failed();
  const { sends } = lying;
  lying.advance(500).apply({ type: 'probe-now' });
  t.is(lying.sends.length, sends.length);
});

test('a shorter interval takes effect at once', (t) => {
  const bench = up();
  Object.assign(bench.settings, { intervalMs: 200 });
  bench.advance(300).apply({ type: 'settings' });
  t.is(bench.state.dueMs, 500);
});
