import type { Endpoint } from '../lib/address/index.ts';
import { createScheduler } from './create-scheduler.ts';
import { isFull } from './fullness.ts';
import type { PickPlan, PlannedCandidate, PlannedService } from './pick-plan.ts';
import { level, type Level, type PickTable } from './pick-table.ts';
import type { PickView, Scheduler } from './scheduler.ts';

/** Nobody lives (`none`), or those who would do are at their limits (`full`). */
export type NoPick = 'none' | 'full';

/** Best first. */
const levels: readonly Level[] = [level.preferred, level.backup, level.reluctant, level.reluctantBackup];

/** Candidates that take turns with each other: the backups are a group of their own. */
interface Group {
  readonly candidates: readonly PlannedCandidate[];
  readonly scheduler: Scheduler;
}

interface Rota {
  readonly service: PlannedService;
  readonly primaries: Group;
  readonly backups: Group;
}

/**
 * Decides by a plan and the pick table. The same code runs in every worker, and in the supervisor where memory cannot be
 * shared. Whoever calls it holds the table's lock and has compared the generations.
 */
export class TablePicker {
  readonly #table: PickTable;
  readonly #rotas: ReadonlyMap<string, Rota>;

  /** `random` is uniform in [0, 1). */
  constructor(table: PickTable, { services, hashKey }: PickPlan, random: () => number) {
    this.#table = table;
    const group = (service: PlannedService, backup: boolean): Group => {
      const candidates = service.candidates.filter((candidate) => candidate.backup === backup);
      return {
        candidates,
        scheduler: createScheduler(service.algorithm, { candidates, random, hashKey }),
      };
    };
    this.#rotas = new Map(
      services.map((service) => [
        service.name,
        { service, primaries: group(service, false), backups: group(service, true) },
      ]),
    );
  }

  /**
   * The chat server of a new connection, with a place on it held for the worker at `place`. `tried` are the ids that
   * failed for this connection. The best level that anybody has decides: while a living server of it is merely at its
   * limit, none of a lower level is picked.
   */
  pick(place: number, name: string, client: Endpoint, tried: readonly number[]): PlannedCandidate | NoPick {
    const rota = this.#rotas.get(name);
    if (rota === undefined) return 'none';
    for (const one of levels) {
      const { candidates, scheduler } = groupOf(rota, one);
      const fits = ({ id, cell }: PlannedCandidate): boolean =>
        this.#table.level(cell) === one && !tried.includes(id);
      if (!candidates.some(fits)) continue;
      const index = scheduler.pick(client, this.#view(candidates, fits));
      if (index === -1) return 'full';
      const picked = candidates[index]!;
      this.#table.hold(place, picked.row);
      return picked;
    }
    return 'none';
  }

  /** Whether a living chat server of the service is below its limit. */
  hasRoom(name: string): boolean {
    return this.#best(name).some(({ row }) => this.#table.hasRoom(row));
  }

  /**
   * Whether a new client of the service would be refused for want of room: every chat server that would do is at its
   * limit and the queue is full. Once full, until a twentieth is free again.
   */
  isFull(name: string): boolean {
    const service = this.#rotas.get(name)?.service;
    const best = this.#best(name);
    if (service === undefined || best.length === 0) return false;
    let capacity = service.queue.size;
    let used = this.#table.waiting(service.index);
    for (const { row } of best) {
      const limit = this.#table.limit(row);
      if (limit === 0) return false;
      capacity += limit;
      used += Math.min(limit, this.#table.total(row));
    }
    return isFull(this.#table.isFull(service.index), used, capacity);
  }

  /** The candidates of the best level that anybody has. */
  #best(name: string): readonly PlannedCandidate[] {
    const rota = this.#rotas.get(name);
    if (rota === undefined) return [];
    for (const one of levels) {
      const best = groupOf(rota, one).candidates.filter(({ cell }) => this.#table.level(cell) === one);
      if (best.length > 0) return best;
    }
    return [];
  }

  #view(candidates: readonly PlannedCandidate[], fits: (candidate: PlannedCandidate) => boolean): PickView {
    const table = this.#table;
    return {
      excluded: (index) => !fits(candidates[index]!) || !table.hasRoom(candidates[index]!.row),
      load: (index) => table.total(candidates[index]!.row),
      share: (index) => table.share(candidates[index]!.cell),
      value: (index) => table.value(candidates[index]!.cell),
      setValue: (index, value) => table.setValue(candidates[index]!.cell, value),
    };
  }
}

function groupOf({ primaries, backups }: Rota, one: Level): Group {
  return one === level.preferred || one === level.reluctant ? primaries : backups;
}
