/** A forwarding table as forward() wants it: names become indices that mean the same as long as a flow uses them. */
import { formatEndpoint, type Endpoint } from '../../lib/address/index.ts';
import { FlowHasher, hashKeyFromHex, noNode } from '../../lib/maglev/index.ts';
import { ipBytes } from '../../lib/packet/index.ts';
import {
  BalancerState,
  forwardState,
  keyText,
  Mode,
  noBalancer,
  serviceKey,
  type ForwardBalancer,
  type ForwardService,
  type ForwardState,
} from '../forward/index.ts';
import type { ForwardingTable, ServiceForwarding } from '../forwarding-table.ts';
import type { End } from './ends.ts';
import type { Flows } from './flows.ts';

/** The modes of this plane. */
export type RawMode = 'fullnat' | 'tun';

export interface RawService {
  readonly name: string;
  readonly index: number;
  readonly listen: Endpoint;
  readonly vip: End;
  readonly mode: RawMode;
  /** It left the table, and goes on for the flows it has. */
  readonly removed: boolean;
  /** Where balancers take its connections, by index of the balancer. */
  readonly endpoints: ReadonlyMap<number, End>;
}

export interface World {
  readonly state: ForwardState;
  /** By the key that packets find them with: keyText() of serviceKey(). */
  readonly services: ReadonlyMap<string, RawService>;
  readonly byIndex: ReadonlyMap<number, RawService>;
  /** Ids of balancers by index. */
  readonly balancers: ReadonlyMap<number, string>;
  /** Generation of each index. */
  readonly generation: (index: number) => number;
  /** Indices of balancers that cannot confirm and disown their connections. */
  readonly foreign: ReadonlySet<number>;
  /** Balancers that packets of a service cannot be sent to; they get none. */
  readonly misfits: readonly { readonly service: string; readonly address: string; readonly why: string }[];
}

export interface Ground {
  /** Our own addresses; at least one. Tunnel packets and fullnat's packets come from them. */
  readonly own4: Uint8Array | undefined;
  readonly own6: Uint8Array | undefined;
  readonly mtu: number;
}

/** forward() looks at MAC addresses; here there are none, so one stands for all. */
export const nobodysMac = Uint8Array.of(2, 0, 0, 0, 0, 1);

interface Life {
  readonly name: string;
  readonly generation: number;
}

/** Gives names indices, and an index to another name only when nobody uses it. */
class Indices {
  readonly #lives: (Life | undefined)[] = [undefined];
  readonly #generations: number[] = [];

  /** Index 0 is nobody's. */
  indexOf(name: string): number {
    const known = this.#lives.findIndex((life) => life?.name === name);
    if (known !== -1) return known;
    const free = this.#lives.findIndex((life, at) => at > 0 && life === undefined);
    const index = free === -1 ? this.#lives.length : free;
    const generation = ((this.#generations[index] ?? 0) + 1) & 0xffff;
    this.#generations[index] = generation;
    this.#lives[index] = { name, generation };
    return index;
  }

  generation(index: number): number {
    return this.#lives[index]?.generation ?? 0;
  }

  names(): Map<number, string> {
    return new Map(this.#lives.flatMap((life, index) => (life === undefined ? [] : [[index, life.name]])));
  }

  keepOnly(used: (index: number, name: string) => boolean): void {
    for (const [index, life] of this.#lives.entries()) {
      if (life !== undefined && !used(index, life.name)) this.#lives[index] = undefined;
    }
  }
}

export class Worlds {
  readonly #ground: Ground;
  readonly #flows: Pick<Flows, 'confirmed' | 'unconfirmed' | 'holdsBalancer' | 'holdsService'>;
  readonly #serviceIndices = new Indices();
  readonly #balancerIndices = new Indices();
  /** Ids of balancers that do not speak headgate, as long as they have an index. */
  #foreign: ReadonlySet<string> = new Set();
  #services: ReadonlyMap<number, RawService> = new Map();

  constructor(
    ground: Ground,
    flows: Pick<Flows, 'confirmed' | 'unconfirmed' | 'holdsBalancer' | 'holdsService'>,
  ) {
    this.#ground = ground;
    this.#flows = flows;
  }

  /** The world after `table`, whose services of other modes are somebody else's. */
  next(table: ForwardingTable, modeOf: (service: ServiceForwarding) => RawMode | undefined): World {
    // A service that listens elsewhere is another one, whatever its name: flows know their VIP by its index.
    const ours = table.services.flatMap((service) => {
      const mode = modeOf(service);
      return mode === undefined ? [] : [{ service, mode, id: formatEndpoint(service.listen) }];
    });
    const balancerIds = new Set([
      ...ours.flatMap(({ service }) => service.balancers.map(({ id }) => id)),
      ...table.removed,
    ]);
    const wanted = new Set(ours.map(({ id }) => id));
    this.#balancerIndices.keepOnly((index, id) => balancerIds.has(id) || this.#flows.holdsBalancer(index));
    this.#serviceIndices.keepOnly((index, id) => wanted.has(id) || this.#flows.holdsService(index));

    const eligible = new Set(ours.flatMap(({ service }) => service.owners.map(({ id }) => id)));
    const indexOf = new Map([...balancerIds].map((id) => [id, this.#balancerIndices.indexOf(id)]));
    const names = this.#balancerIndices.names();
    const confirms = new Map(
      ours.flatMap(({ service }) => service.balancers.map((one) => [one.id, one.confirms])),
    );
    const foreign = [...names].filter(([, id]) => !(confirms.get(id) ?? !this.#foreign.has(id)));
    this.#foreign = new Set(foreign.map(([, id]) => id));
    const addresses = new Map<number, Uint8Array>();
    const before = this.#services;
    const services = new Map<number, RawService>();
    const misfits: World['misfits'][number][] = [];
    const forwardServices: ForwardService[] = [];
    for (const { service, mode, id } of ours) {
      const index = this.#serviceIndices.indexOf(id);
      // Balancers that left this service keep their endpoint as long as they have flows.
      const endpoints = new Map(
        [...(before.get(index)?.endpoints ?? [])].filter(([balancer]) => this.#flows.holdsBalancer(balancer)),
      );
      const vip = { address: ipBytes(service.listen.host), port: service.listen.port };
      for (const { id: balancer, endpoint } of service.balancers) {
        const why = this.#misfit(ipBytes(endpoint.host), mode === 'tun' ? undefined : vip.address);
        if (why !== undefined) misfits.push({ service: service.name, address: endpoint.host, why });
        else endpoints.set(indexOf.get(balancer)!, { address: ipBytes(endpoint.host), port: endpoint.port });
      }
      const { name, listen } = service;
      services.set(index, { name, index, listen, vip, mode, removed: false, endpoints });
      const slots = slotsOf(service, (id) => {
        const balancer = indexOf.get(id);
        return balancer !== undefined && endpoints.has(balancer) ? balancer : noBalancer;
      });
      forwardServices.push({ index, ...vip, mode: mode === 'tun' ? Mode.Tun : Mode.Dr, slots });
    }
    for (const [index, service] of before) {
      if (services.has(index) || !this.#serviceIndices.names().has(index)) continue;
      services.set(index, { ...service, removed: true });
      const mode = service.mode === 'tun' ? Mode.Tun : Mode.Dr;
      forwardServices.push({ index, ...service.vip, mode, slots: Uint16Array.of(noBalancer) });
    }
    this.#services = services;
    for (const { endpoints } of services.values()) {
      for (const [balancer, { address }] of endpoints) addresses.set(balancer, address);
    }
    const balancers: (ForwardBalancer | undefined)[] = [];
    for (const [index, id] of names) {
      const address = addresses.get(index);
      if (address === undefined) continue;
      const dead = table.dead.includes(id);
      const state = dead ? BalancerState.Dead : eligible.has(id) ? BalancerState.Up : BalancerState.Draining;
      const generation = this.#balancerIndices.generation(index);
      balancers[index] = { state, generation, mac: nobodysMac, address };
    }
    const { own4, own6, mtu } = this.#ground;
    const config = {
      hasher: new FlowHasher(hashKeyFromHex(table.hashKey)),
      ownMac: nobodysMac,
      mtu,
      tunnelSource4: own4 ?? new Uint8Array(4),
      tunnelSource6: own6 ?? new Uint8Array(16),
    };
    const { confirmed, unconfirmed } = this.#flows;
    return {
      state: { ...forwardState(config, forwardServices, balancers), flows: { confirmed, unconfirmed } },
      services: new Map(
        [...services.values()].map((one) => [keyText(serviceKey(one.vip.address, one.vip.port)), one]),
      ),
      byIndex: services,
      balancers: names,
      generation: (index) => this.#balancerIndices.generation(index),
      foreign: new Set(foreign.map(([index]) => index)),
      misfits,
    };
  }

  /** Why packets cannot go to an address; `like`: an address of the family that they keep. */
  #misfit(address: Uint8Array, like: Uint8Array | undefined): string | undefined {
    const own = address.length === 4 ? this.#ground.own4 : this.#ground.own6;
    if (own === undefined) return 'is of a family that this director has no address of';
    return like === undefined || like.length === address.length
      ? undefined
      : 'is of another address family than the VIP';
  }
}

function slotsOf({ maglev, owners }: ServiceForwarding, indexOf: (id: string) => number): Uint16Array {
  const indices = owners.map(({ id }) => indexOf(id));
  return maglev.slots.map((owner) => (owner === noNode ? noBalancer : (indices[owner] ?? noBalancer)));
}
