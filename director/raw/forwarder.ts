import {
  EtherType,
  ethernetLayout,
  ipv6Layout,
  judgeTcpChecksum,
  locateTcp,
  segmentTcp,
  TcpFlag,
  tcpLayout,
  type TcpPacket,
} from '../../lib/packet/index.ts';
import {
  flowKey,
  forward,
  keyText,
  Mode,
  serviceKey,
  tickShift,
  type Counter,
  type Outcome,
} from '../forward/index.ts';
import type { Binding, Bindings } from './bindings.ts';
import type { RawCounter } from './counters.ts';
import { payloadRoom, resetFor, writeEnds, type End } from './ends.ts';
import type { Flows } from './flows.ts';
import { seeClient, seeServer, type Seen } from './track.ts';
import { nobodysMac, type Ground, type RawService, type World } from './world.ts';

export interface ForwarderOptions {
  readonly ground: Ground;
  readonly flows: Flows;
  readonly bindings: Bindings;
  /** Ports that stand for clients, both included. */
  readonly ports: { readonly first: number; readonly last: number };
  /** `to` is the packet's destination, 4 or 16 bytes. */
  readonly send: (packet: Uint8Array, to: Uint8Array) => void;
  /** A SYN without an entry is refused when no flow can be confirmed any more. */
  readonly refuseWhenFull: boolean;
  /** Whether a packet without a flow, which is no SYN, is of a connection that ends at this host. Default: never. */
  readonly isProxied?: (service: RawService, key: string) => boolean;
}

/** What forward() counts and what is counted here. */
export type ForwarderCounter = Counter | RawCounter;

/** New flows of a service since the start. */
export interface ServiceCounts {
  accepted: number;
  refusedNoBalancer: number;
}

/** Bytes that a tunnel adds at most: an IPv6 header. */
const outerBytesMost = ipv6Layout.size;
const frameHeader = {
  4: ethernetLayout.encode({ destination: nobodysMac, source: nobodysMac, etherType: EtherType.Ipv4 }),
  6: ethernetLayout.encode({ destination: nobodysMac, source: nobodysMac, etherType: EtherType.Ipv6 }),
};

/** A client's packet that is a service's. */
interface Arrival {
  readonly bytes: Uint8Array;
  readonly packet: TcpPacket;
  readonly service: RawService;
  readonly key: string;
  readonly client: End;
  readonly tick: number;
}

/**
 * The raw plane's way of a packet: forward() decides, on the packet in a frame of its own; what it calls `dr` is carried out
 * here as fullnat. Deterministic: the sockets and the clock are its caller's.
 */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #counts = new Map<ForwarderCounter, number>();
  readonly #services = new Map<number, ServiceCounts>();
  #world: World | undefined;
  #takesNew = true;
  /** A SYN without an entry is refused when no flow can be confirmed any more. */
  refuseWhenFull: boolean;

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.refuseWhenFull = options.refuseWhenFull;
  }

  setWorld(world: World): void {
    this.#world = world;
    for (const index of this.#services.keys()) if (!world.byIndex.has(index)) this.#services.delete(index);
  }

  /** New flows are refused from now on. */
  stop(): void {
    this.#takesNew = false;
  }

  count(counter: ForwarderCounter): number {
    return this.#counts.get(counter) ?? 0;
  }

  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  serviceCounts(index: number): ServiceCounts {
    let counts = this.#services.get(index);
    if (counts === undefined) this.#services.set(index, (counts = { accepted: 0, refusedNoBalancer: 0 }));
    return counts;
  }

  add(counter: ForwarderCounter): void {
    this.#counts.set(counter, this.count(counter) + 1);
  }

  /** Takes an IP packet that arrived for a VIP or for a port of ours. Keeps no part of it. */
  take(received: Uint8Array, tick: number): void {
    const packet = locateTcp(received);
    if (packet === undefined) return this.add('dropMalformed');
    // A merged packet's checksum would be computed anew: a wrong one must not become right by that.
    if (judgeTcpChecksum(received, packet) === 'wrong') return this.add('dropChecksum');
    const bytes = received.subarray(0, packet.end);
    const { destinationPort } = tcpLayout.read(bytes, packet.at);
    const service = this.#world?.services.get(keyText(serviceKey(packet.destination, destinationPort)));
    if (service !== undefined) return this.#fromClient(bytes, packet, service, tick);
    const { ports } = this.#options;
    if (destinationPort < ports.first || destinationPort > ports.last) return this.add('passOther');
    this.#fromBalancer(bytes, packet, destinationPort, tick);
  }

  #fromClient(bytes: Uint8Array, packet: TcpPacket, service: RawService, tick: number): void {
    const { sourcePort } = tcpLayout.read(bytes, packet.at);
    const key = keyText(flowKey(packet.source, sourcePort, service.index));
    const client = { address: packet.source.slice(), port: sourcePort };
    const arrival: Arrival = { bytes, packet, service, key, client, tick };
    const known = this.#options.flows.find(key);
    if (known === undefined && this.#isProxied(arrival)) return this.add('passProxied');
    const mode = known?.mode ?? (service.mode === 'tun' ? Mode.Tun : Mode.Dr);
    if (mode === Mode.Dr) this.#decide(arrival);
    else for (const part of this.#fitting(arrival)) this.#decide(part);
  }

  #isProxied({ bytes, packet, service, key }: Arrival): boolean {
    const begins = (tcpLayout.get(bytes, 'flags', packet.at) & (TcpFlag.Syn | TcpFlag.Ack)) === TcpFlag.Syn;
    return !begins && this.#options.isProxied?.(service, key) === true;
  }

  /** The packet as ones that fit a tunnel, with finished checksums. */
  #fitting(arrival: Arrival): readonly Arrival[] {
    const { bytes, packet } = arrival;
    const room = payloadRoom(packet, this.#options.ground.mtu - outerBytesMost, Infinity);
    const parts = segmentTcp(bytes, packet, room);
    if (parts.length > 1) this.add('resegmented');
    return parts.map((part) => ({ ...arrival, bytes: part, packet: { ...packet, end: part.length } }));
  }

  #decide(arrival: Arrival): void {
    const { bytes, packet, tick, service, client } = arrival;
    const state = this.#world!.state;
    const frame = new Uint8Array(ethernetLayout.size + bytes.length);
    frame.set(frameHeader[packet.family]);
    frame.set(bytes, ethernetLayout.size);
    const outcome = forward(frame, state, BigInt(tick) << BigInt(tickShift));
    if (outcome.verdict === 'tx' && outcome.to !== undefined)
      return this.#follow(arrival, outcome, outcome.to.balancer);
    this.add(outcome.counter);
    if (outcome.counter === 'resetNoBalancer') this.serviceCounts(service.index).refusedNoBalancer++;
    this.#options.flows.apply(outcome.changes);
    if (outcome.verdict === 'tx')
      this.#options.send(outcome.packet.slice(ethernetLayout.size), client.address);
  }

  #follow(arrival: Arrival, outcome: Outcome, balancer: number): void {
    const { flows, bindings } = this.#options;
    const { key, service, tick } = arrival;
    const begins = outcome.counter === 'forwardNew';
    if (begins && (!this.#takesNew || (this.refuseWhenFull && !flows.hasRoom))) {
      return this.#refuse(arrival, 'refusedFull');
    }
    const changed = outcome.changes.find(({ entry }) => entry !== undefined)?.entry;
    const entry = changed ?? flows.find(key);
    if (entry?.mode === Mode.Tun) {
      this.add(outcome.counter);
      if (begins) {
        this.serviceCounts(service.index).accepted++;
        // Its earlier flow may have been fullnat: what is late of that is not this one's.
        bindings.release(key, tick);
      }
      flows.apply(outcome.changes);
      const to = this.#world!.state.balancers[balancer]!.address;
      return this.#options.send(outcome.packet.slice(ethernetLayout.size), to);
    }
    // Without an entry nobody knows the port that stood for the client: the end must be visible.
    if (outcome.counter === 'forwardStray') return this.#refuse(arrival, 'resetStray');
    const binding = begins ? this.#begin(arrival, balancer) : bindings.find(key);
    if (binding === undefined) return this.#refuse(arrival, begins ? 'refusedPorts' : 'resetStray');
    this.add(outcome.counter);
    if (begins) this.serviceCounts(service.index).accepted++;
    flows.apply(outcome.changes);
    bindings.touch(binding, tick);
    this.#heed(binding, seeClient(binding, arrival.bytes, arrival.packet));
    this.#toBalancer(arrival, binding);
  }

  #begin({ key, client, service, tick }: Arrival, balancer: number): Binding | undefined {
    const { flows, bindings } = this.#options;
    const endpoint = service.endpoints.get(balancer);
    flows.remove(key);
    if (endpoint === undefined) return undefined;
    return bindings.bind({ key, client, vip: service.vip, balancer: endpoint }, tick);
  }

  #refuse({ bytes, packet, client }: Arrival, why: RawCounter): void {
    this.add(why);
    const reset = resetFor(bytes, packet);
    if (reset !== undefined) this.#options.send(reset, client.address);
  }

  /** What a packet has shown moves the flow between the tables. */
  #heed(binding: Binding, { proven, ended }: Seen): void {
    const { flows, bindings } = this.#options;
    if (ended) {
      binding.ended = true;
      flows.end(binding.key);
      bindings.hold(binding, false);
    } else if (proven && !binding.held && !binding.ended) {
      if (flows.confirm(binding.key)) return bindings.hold(binding, true);
      if (!binding.unheld) this.add('confirmFull');
      binding.unheld = true;
    }
  }

  #toBalancer({ bytes, packet }: Arrival, binding: Binding): void {
    const { ground } = this.#options;
    const own = packet.family === 4 ? ground.own4 : ground.own6;
    const mss = binding.mssToBalancer === 0 ? Infinity : binding.mssToBalancer;
    this.#pass(bytes, packet, { address: own!, port: binding.port }, binding.balancer, mss);
  }

  #fromBalancer(bytes: Uint8Array, packet: TcpPacket, port: number, tick: number): void {
    const from = { address: packet.source.slice(), port: tcpLayout.get(bytes, 'sourcePort', packet.at) };
    const { bindings } = this.#options;
    const binding = bindings.answer(from, port);
    if (binding === undefined) return this.#unknown(bytes, packet, from);
    this.add('answers');
    bindings.touch(binding, tick);
    this.#heed(binding, seeServer(binding, bytes, packet));
    const mss = binding.mssToClient === 0 ? Infinity : binding.mssToClient;
    this.#pass(bytes, packet, binding.vip, binding.client, mss);
  }

  /** Balancers hear that the connection is gone; others are not answered, so that nobody can make us talk. */
  #unknown(bytes: Uint8Array, packet: TcpPacket, from: End): void {
    const isBalancer = [...(this.#world?.byIndex.values() ?? [])].some(({ endpoints }) =>
      [...endpoints.values()].some(
        ({ address, port }) => port === from.port && keyText(address) === keyText(from.address),
      ),
    );
    if (!isBalancer) return this.add('dropForeign');
    this.add('resetUnknown');
    const reset = resetFor(bytes, packet);
    if (reset !== undefined) this.#options.send(reset, from.address);
  }

  /** Sends a packet between other ends, cut to fit. */
  #pass(bytes: Uint8Array, packet: TcpPacket, source: End, destination: End, mss: number): void {
    const parts = segmentedBetween(
      bytes,
      packet,
      source,
      destination,
      payloadRoom(packet, this.#options.ground.mtu, mss),
    );
    if (parts.length > 1) this.add('resegmented');
    for (const part of parts) this.#options.send(part, destination.address);
  }
}

function segmentedBetween(
  bytes: Uint8Array,
  packet: TcpPacket,
  source: End,
  destination: End,
  room: number,
): readonly Uint8Array[] {
  const copy = bytes.slice();
  writeEnds(copy, packet, source, destination);
  return segmentTcp(copy, packet, room);
}
