import type { WorkerReport } from './worker-protocol.ts';

/** A worker's numbers at one moment: gauges, and counters from start. */
export interface WorkerNumbers {
  readonly connections: number;
  readonly services: Readonly<Record<string, number>>;
  readonly full: boolean;
  readonly counters: Readonly<Record<string, number>>;
}

/** Turns a worker's numbers into reports of what changed. */
export class ReportWriter {
  #lastGauges = '';
  #lastCounters: Readonly<Record<string, number>> | undefined;

  /**
   * The report that brings the supervisor up to date; undefined when nothing changed since the last one, or no more than
   * counters, for which nobody waits: those alone are told only `withCounters`. What was accepted is no such counter: whoever
   * came and left between two reports is to be seen, too.
   */
  next(now: WorkerNumbers, withCounters = true): WorkerReport | undefined {
    const { connections, services, full } = now;
    const gauges = JSON.stringify([connections, full, services, now.counters['accepted']]);
    const isSame = gauges === this.#lastGauges;
    if (isSame && !withCounters) return undefined;
    const counters: Record<string, number> = {};
    for (const [name, value] of Object.entries(now.counters)) {
      const change = value - (this.#lastCounters?.[name] ?? 0);
      // The first report names them all, so that a counter that never moves is seen to be 0.
      if (change !== 0 || this.#lastCounters === undefined) counters[name] = change;
    }
    this.#lastGauges = gauges;
    this.#lastCounters = now.counters;
    return isSame && Object.keys(counters).length === 0
      ? undefined
      : { kind: 'report', connections, services, full, counters };
  }
}
