import { Indices } from './indices.ts';
import { BalancerState, type ForwardBalancer } from '../forward/index.ts';
import { balancerId, heartbeatTarget } from '../balancer-identity.ts';
import type { Standing } from '../eligibility.ts';
import type { ServiceMode } from '../forwarding-mode.ts';
import type { ForwardingTable, ServiceForwarding } from '../forwarding-table.ts';
import type { DeadBalancer } from '../bereaved.ts';
import type { Topology } from '../../topology/index.ts';
import type { DataPath } from './data-path.ts';
import { encodeBalancer } from './encode.ts';
import { balancerEntry, balancerState, hostOfId, obstacleOf, sameBalancer } from './kernel-state.ts';
import type { KernelMemory } from './memory.ts';
import type { Named } from './names.ts';
import type { Way, Ways } from './ways.ts';

export interface KernelBalancersOptions {
  readonly path: Pick<DataPath, 'maps' | 'capacity'>;
  readonly ways: Ways;
  /** Interface that packets leave by, at present. */
  readonly ifindex: () => number;
  /** What the maps hold. */
  readonly memory: Pick<KernelMemory, 'balancers' | 'entries'>;
}

/** The balancers that the kernel knows: their indices, states and MAC addresses. */
export class KernelBalancers {
  readonly indices: Indices;
  readonly #options: KernelBalancersOptions;
  readonly #entries: Map<number, ForwardBalancer>;
  /** Ids for which there was no index; they get no share of the clients. */
  #overflow: ReadonlySet<string> = new Set();

  constructor(options: KernelBalancersOptions) {
    const { path, memory } = options;
    this.#options = options;
    this.indices = new Indices(path.maps.balancer_names, path.capacity.balancers, memory.balancers);
    this.#entries = new Map(memory.entries);
  }

  /** Hosts whose ways are wanted from now on, beside those of the balancers in the kernel. */
  expect(hosts: Iterable<string>): void {
    this.#options.ways.set(new Set([...hosts, ...this.indices.inUse().map(([, id]) => hostOfId(id))]));
  }

  /** Gives every balancer of these services an index; answers the ids for which there is none. */
  assign(services: readonly ServiceForwarding[], topology: Topology): readonly string[] {
    const ids = new Set(services.flatMap(({ balancers }) => balancers.map(({ id }) => id)));
    const overflow = this.indices.assign(Array.from(ids, (id) => ({ name: id, ...probeOf(id, topology) })));
    this.#overflow = new Set(overflow);
    return overflow;
  }

  /** First those that may get new flows, so that no table names what is not there; the others when no table does. */
  write(table: ForwardingTable, when: 'before tables' | 'after tables'): void {
    for (const [index, id] of this.indices.inUse()) {
      const state = balancerState(table, id, this.#entries.get(index)?.state);
      if ((state === BalancerState.Up) !== (when === 'before tables')) continue;
      this.#write(index, id, state);
    }
  }

  /** Ways have changed. */
  refresh(): void {
    for (const [index, id] of this.indices.inUse()) {
      const state = this.#entries.get(index)?.state;
      if (state !== undefined) this.#write(index, id, state);
    }
  }

  #write(index: number, id: string, state: BalancerState): void {
    const { path, ifindex } = this.#options;
    const before = this.#entries.get(index);
    const generation = this.indices.generationOf(index);
    const entry = balancerEntry(id, generation, state, this.#way(id), ifindex(), before);
    if (sameBalancer(before, entry)) return;
    path.maps.balancers.update(index, encodeBalancer(entry));
    this.#entries.set(index, entry);
  }

  /** Gives up an index to which nothing refers any more. */
  free(index: number): void {
    this.#options.path.maps.balancers.update(index, encodeBalancer(undefined));
    this.#entries.delete(index);
    this.indices.free(index);
  }

  /** What keeps packets from a balancer, whatever its health. */
  obstacle(id: string, mode: ServiceMode): Standing | undefined {
    if (this.#overflow.has(id)) return 'no-index';
    const index = this.indices.indexOf(id);
    const mac = index === undefined ? undefined : this.#entries.get(index)?.mac;
    return obstacleOf(this.#way(id), this.#options.ifindex(), mode, mac);
  }

  /** Source addresses that the kernel would choose towards the balancers. */
  sources(): readonly string[] {
    return this.indices.inUse().flatMap(([, id]) => this.#way(id)?.source ?? []);
  }

  /** Dead balancers: whose flows' clients are to be told. */
  dead(): readonly DeadBalancer[] {
    return this.indices.inUse().flatMap(([index]) => {
      const entry = this.#entries.get(index);
      return entry?.state === BalancerState.Dead ? [{ index, generation: entry.generation }] : [];
    });
  }

  /** Whether the clients of the balancer at this index are told that it is gone. */
  isDead(index: number): boolean {
    return this.#entries.get(index)?.state === BalancerState.Dead;
  }

  /** Id of one life of an index. */
  idOf(index: number, generation: number): string | undefined {
    return this.indices.generationOf(index) === generation ? this.indices.nameOf(index) : undefined;
  }

  #way(id: string): Way | undefined {
    return this.#options.ways.get(hostOfId(id));
  }
}

/** How a balancer is asked whether it lives; kept in the maps for when it has left the topology. */
function probeOf(id: string, topology: Topology): Pick<Named, 'probe' | 'probePort'> {
  const balancer = topology.balancers.find((one) => balancerId(one) === id);
  const probe = balancer === undefined ? undefined : heartbeatTarget(balancer, topology).probe;
  if (probe === undefined || probe.kind === 'off') return { probe: 'off', probePort: 0 };
  return { probe: probe.kind, probePort: probe.endpoint.port };
}
