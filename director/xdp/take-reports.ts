/** Carries out what balancers say of their connections. */
import type { FlowReport } from '../../lib/flow-report/index.ts';
import { flowKey, flowKeyLayout, flowLayout, keyText, type Mode } from '../forward/index.ts';
import { confirmFlows, disownFlows, type FlowTables, type Owner } from './confirm.ts';

/** Each counts from start; the comment says whether it is expected to move in production. */
export interface ReportCounters {
  /** Flows that balancers confirmed. Expected. */
  flowsConfirmed: number;
  /** Of these, flows that the table did not have, or had for another balancer. After a restart or a flood. */
  flowsRestored: number;
  /** Flows that balancers disowned. Expected. */
  flowsDisowned: number;
  /** Flows confirmed by a balancer while another one owns them. Only while the balancer's connections are ended. */
  flowsContested: number;
  /** Flows confirmed for which there was no room. Not expected. */
  flowsNotHeld: number;
}

/** Whom a report is about, with the indices of the moment. */
export interface Reporter {
  readonly balancer: number;
  readonly generation: number;
  readonly service: number;
  /** Mode of flows that have to be restored. */
  readonly mode: Mode;
  /** It is dead, or drained and past its deadline: its connections are being ended. */
  readonly isEnding: boolean;
}

/** Takes the reports of all balancers, each balancer's in order. */
export class ReportTaker {
  readonly counters: ReportCounters = {
    flowsConfirmed: 0,
    flowsRestored: 0,
    flowsDisowned: 0,
    flowsContested: 0,
    flowsNotHeld: 0,
  };
  readonly #path: FlowTables;
  /** Keys named by listings under way, by balancer, its generation and service. */
  readonly #listed = new Map<string, Set<string>>();

  constructor(path: FlowTables) {
    this.#path = path;
  }

  take(reporter: Reporter, report: FlowReport, tick: number): void {
    const { balancer, generation, mode, isEnding } = reporter;
    const owner: Owner = { balancer, generation, mode };
    const keyOf = ({ address, port }: FlowReport['confirmed'][number]): Uint8Array =>
      flowKey(address, port, reporter.service);
    const confirmed = report.confirmed.map(keyOf);
    const disowned = report.disowned.map(keyOf);
    this.#confirm(owner, confirmed, tick, isEnding);
    this.counters.flowsDisowned += disownFlows(this.#path, owner, disowned);
    this.#list(reporter, report.listing, confirmed, disowned);
  }

  /** A balancer is gone: what it was listing is not complete. */
  forget(balancer: number): void {
    for (const name of this.#listed.keys()) if (name.startsWith(`${balancer} `)) this.#listed.delete(name);
  }

  #confirm(owner: Owner, keys: readonly Uint8Array[], tick: number, isEnding: boolean): void {
    const { moved, restored, contested, full } = confirmFlows(this.#path, owner, keys, tick, isEnding);
    const { counters } = this;
    counters.flowsConfirmed += moved;
    counters.flowsRestored += restored;
    counters.flowsContested += contested;
    counters.flowsNotHeld += full;
  }

  #list(
    reporter: Reporter,
    listing: FlowReport['listing'],
    confirmed: readonly Uint8Array[],
    disowned: readonly Uint8Array[],
  ): void {
    const name = `${reporter.balancer} ${reporter.generation} ${reporter.service}`;
    if (listing === 'begin') this.#listed.set(name, new Set());
    const listed = this.#listed.get(name);
    if (listed === undefined) return;
    for (const key of confirmed) listed.add(keyText(key));
    for (const key of disowned) listed.delete(keyText(key));
    if (listing !== 'end') return;
    this.#listed.delete(name);
    this.counters.flowsDisowned += disownFlows(this.#path, reporter, this.#missing(reporter, listed));
  }

  /**
   * Flows of this balancer and service that its listing did not name. Those that nobody confirmed too: an earlier process
   * of the balancer may have had them. One that has just begun, and is confirmed in a moment, is followed meanwhile.
   */
  #missing(reporter: Reporter, listed: ReadonlySet<string>): readonly Uint8Array[] {
    const { flows, flows_new: fresh } = this.#path.maps;
    return [flows, fresh].flatMap((map) =>
      Array.from(flowsOf(map, reporter)).filter((key) => !listed.has(keyText(key))),
    );
  }
}

function* flowsOf(
  map: FlowTables['maps']['flows'],
  { balancer, generation, service }: Reporter,
): Generator<Uint8Array> {
  for (const { count, keys, values } of map.batch.read()) {
    for (let index = 0; index < count; index++) {
      const at = index * flowLayout.size;
      if (flowLayout.get(values, 'balancer', at) !== balancer) continue;
      if (flowLayout.get(values, 'generation', at) !== generation) continue;
      const keyAt = index * flowKeyLayout.size;
      if (flowKeyLayout.get(keys, 'service', keyAt) !== service) continue;
      // The batch is reused by the next one.
      yield keys.slice(keyAt, keyAt + flowKeyLayout.size);
    }
  }
}
