import { BpfMap, bpfAvailable, Program } from '../../lib/linux/bpf/index.ts';
import { describeError, HeadgateError } from '../../lib/errors/index.ts';
import { setSocketOption, SO_ATTACH_REUSEPORT_EBPF, SOL_SOCKET } from '../../lib/linux/index.ts';
import { loadsSpec, LoadRecord, placesMost } from './load-table.ts';
import { groupsMost, socketsSpec, steeringProgram } from './program.ts';

/** How new connections find a worker, and why so: one line. */
export interface SteeringChoice {
  readonly by: 'load' | 'hash';
  readonly reason: string;
}

/** The supervisor's end: owns the maps the workers inherit, and says who is gone. */
export class Steering {
  /** Descriptors for the workers, in this order. */
  readonly descriptors: readonly [loads: number, sockets: number];
  readonly #loads: BpfMap;
  readonly #sockets: BpfMap;
  readonly #memory: ReturnType<BpfMap['memory']>;

  private constructor(loads: BpfMap, sockets: BpfMap) {
    this.#loads = loads;
    this.#sockets = sockets;
    this.#memory = loads.memory();
    this.descriptors = [loads.fd, sockets.fd];
  }

  /** Undefined where it is not possible or no use; the choice says why. */
  static create(places: number): { readonly steering?: Steering; readonly choice: SteeringChoice } {
    const hash = (why: string): { readonly choice: SteeringChoice } => ({
      choice: { by: 'hash', reason: `new connections find a worker by hash: ${why}` },
    });
    if (places < 2) return hash('there is one');
    if (places > placesMost) return hash(`there are more than ${placesMost}`);
    const bpf = bpfAvailableHere();
    if (bpf !== undefined) return hash(bpf);
    let loads: BpfMap | undefined;
    let sockets: BpfMap | undefined;
    try {
      loads = BpfMap.create('hg_loads', loadsSpec);
      sockets = BpfMap.create('hg_listeners', socketsSpec);
      // Tells now, and not when a listener opens, that the kernel does not take it.
      Program.load('hg_steering', steeringProgram(0, places), { loads, sockets }).close();
      const reason = 'new connections go to the worker with the fewest: eBPF works here';
      return { steering: new Steering(loads, sockets), choice: { by: 'load', reason } };
    } catch (error) {
      loads?.close();
      sockets?.close();
      return hash(describeError(error));
    }
  }

  /** The worker of a place has ended, or does not answer: nothing new for it. */
  gone(place: number): void {
    new LoadRecord(() => this.#memory.bytes, place).setLive(false);
  }

  close(): void {
    this.#memory.close();
    this.#loads.close();
    this.#sockets.close();
  }
}

/** Why eBPF cannot be used; undefined: it can. */
function bpfAvailableHere(): string | undefined {
  const answer = bpfAvailable();
  return answer.available ? undefined : answer.reason;
}

export interface SteeredWorkerOptions {
  readonly descriptors: readonly [loads: number, sockets: number];
  readonly places: number;
  /** Of this worker, from 0. */
  readonly place: number;
}

/** A worker's end: its record, and its listeners among those of the others. */
export class SteeredWorker {
  readonly record: LoadRecord;
  readonly #loads: BpfMap;
  readonly #sockets: BpfMap;
  readonly #options: SteeredWorkerOptions;
  readonly #memory: ReturnType<BpfMap['memory']>;

  /** Takes the descriptors over. Throws HEADGATE_BPF_*. */
  constructor(options: SteeredWorkerOptions) {
    const [loads, sockets] = options.descriptors;
    this.#options = options;
    this.#loads = BpfMap.inherit(loads, 'hg_loads', loadsSpec);
    this.#sockets = BpfMap.inherit(sockets, 'hg_listeners', socketsSpec);
    this.#memory = this.#loads.memory();
    this.record = new LoadRecord(() => this.#memory.bytes, options.place);
    this.record.reset();
  }

  /** Enters a listening socket of this worker and has the program choose among those of the group. Throws HEADGATE_BPF_*. */
  join(listener: number, group: number): void {
    if (group >= groupsMost) {
      throw new HeadgateError(
        'HEADGATE_BPF_SPEC',
        `listener ${group} is more than ${groupsMost} can be steered`,
      );
    }
    const { places, place } = this.#options;
    this.#sockets.put(group * placesMost + place, { fd: listener });
    const program = Program.load('hg_steering', steeringProgram(group, places), {
      loads: this.#loads,
      sockets: this.#sockets,
    });
    try {
      // The group has one program; all workers bring the same.
      setSocketOption(listener, SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, program.fd);
    } finally {
      program.close();
    }
  }

  /** The process keeps its descriptors to its end; this is for whoever goes on. */
  close(): void {
    this.#memory.close();
    this.#loads.close();
    this.#sockets.close();
  }
}
