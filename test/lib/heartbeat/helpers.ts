/** What the tests of the heartbeat share. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { ExecutionContext } from 'ava';
import type { Endpoint } from '../../../lib/address/index.ts';
import { systemClock } from '../../../lib/clock/index.ts';
import {
  createHeartbeats,
  type Heartbeats,
  type HeartbeatReply,
  type HeartbeatsOptions,
  type TargetHealth,
} from '../../../lib/heartbeat/index.ts';
import type { Send } from '../../../lib/heartbeat/monitor.ts';
import type { Probe, ProbeEvent } from '../../../lib/heartbeat/probe.ts';
import { ManualClock } from '../../manual-clock.ts';
import { key, memoryLog, type LogLine } from '../control/helpers.ts';

export const serving: HeartbeatReply = {
  services: { chat: { state: 'serving', connections: 1 } },
  connections: 1,
  topology: 'abc',
};
export const draining: HeartbeatReply = {
  ...serving,
  services: { chat: { state: 'draining', connections: 1 } },
};

/** A probe that does what the test says. */
export class FakeProbe implements Probe {
  readonly sends: Send[] = [];
  closed = false;
  readonly report: (event: ProbeEvent) => void;

  constructor(report: (event: ProbeEvent) => void) {
    this.report = report;
  }

  beat(send: Send): void {
    this.sends.push(send);
  }

  close(): void {
    this.closed = true;
  }

  get last(): Send {
    return this.sends.at(-1)!;
  }

  good(reply: HeartbeatReply | null = serving): void {
    this.report({ type: 'good', beat: this.last.beat, reply });
  }
}

export interface Watching {
  readonly beats: Heartbeats;
  /** `id: state` or `id: state dead`, in the order of onChange. */
  readonly changes: string[];
  readonly replies: TargetHealth[];
  readonly lines: LogLine[];
}

/** Heartbeats that record what they tell; closed with the test. */
export function watch(t: ExecutionContext, options: Partial<HeartbeatsOptions> = {}): Watching {
  const { log, lines } = memoryLog();
  const changes: string[] = [];
  const replies: TargetHealth[] = [];
  const beats = createHeartbeats({
    settings: { intervalMs: 1_000, misses: 3, rises: 2, deadAfterMs: 10_000 },
    identity: { key, cluster: 'chat', node: 'd1' },
    log,
    clock: systemClock,
    onChange: ({ id, state, dead }) => changes.push(`${id}: ${state}${dead ? ' dead' : ''}`),
    onReply: (health) => replies.push(health),
    ...options,
  });
  t.teardown(() => beats.close());
  return { beats, changes, replies, lines };
}

export interface FakeWatching extends Watching {
  readonly clock: ManualClock;
  /** The probes in the order they were made. */
  readonly probes: FakeProbe[];
}

/** Heartbeats with fake probes and a clock that moves when told. */
export function watchFakes(t: ExecutionContext, options: Partial<HeartbeatsOptions> = {}): FakeWatching {
  const clock = new ManualClock();
  const probes: FakeProbe[] = [];
  const watching = watch(t, {
    clock,
    afterInput: (run) => run(),
    makeProbe: (_probe, report) => {
      const probe = new FakeProbe(report);
      probes.push(probe);
      return probe;
    },
    ...options,
  });
  return { ...watching, clock, probes };
}

/** A node as a process of its own; killed with the test. */
export async function spawnNode(
  t: ExecutionContext,
  host: string,
): Promise<{ readonly child: ChildProcess; readonly endpoint: Endpoint }> {
  const file = new URL('./fixture-node.js', import.meta.url).pathname;
  const child = spawn(process.execPath, [file, host], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, endpoint: { host, port: Number(port) } };
}
