/** A director under changes of every kind, and what clients may expect of it. */
import { stringify } from 'yaml';
import fc from 'fast-check';
import { ipBytes, TcpFlag } from '../../../lib/packet/index.ts';
import type { ServiceMode } from '../../../director/forwarding-mode.ts';
import { parseTopology, type Topology } from '../../../topology/index.ts';
import type { SmallPlane } from './small-plane.ts';
import { vip, vipPort } from './small-plane.ts';

/** b1 and b2 confirm their connections themselves, b3 and b4 are foreign. */
const names = ['b1', 'b2', 'b3', 'b4'] as const;
type Name = (typeof names)[number] | 'b5';
const hostOf = (name: Name): string => `10.0.1.${name.slice(1)}`;
const idOf = (name: Name): string => `${name}@${hostOf(name)}`;
const confirms = (name: Name): boolean => name === 'b1' || name === 'b2';

type Health = 'up' | 'down' | 'dead';
interface Node {
  readonly state: 'active' | 'drain';
  readonly weight: number;
}

export type Step =
  | { readonly do: 'add' | 'drain' | 'remove'; readonly name: Name }
  | { readonly do: 'weight'; readonly name: Name; readonly weight: number }
  | { readonly do: 'mode'; readonly mode: ServiceMode }
  | { readonly do: 'health'; readonly name: Name; readonly health: Health }
  | { readonly do: 'restart'; readonly told: boolean }
  | { readonly do: 'open'; readonly count: number; readonly handshake: boolean }
  | { readonly do: 'confirm'; readonly listing: boolean }
  | { readonly do: 'end'; readonly nth: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'invalid' | 'talk' };

const name = fc.constantFrom(...names);
const only = <Do extends string>(word: Do) => fc.constant(word);

export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('add', 'drain', 'remove'), name }) },
  { weight: 1, arbitrary: fc.record({ do: only('weight'), name, weight: fc.integer({ min: 0, max: 5 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: only('mode'), mode: fc.constantFrom('dr', 'tun', 'nat', 'proxy') }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: only('health'), name, health: fc.constantFrom('up', 'up', 'down', 'dead') }),
  },
  { weight: 1, arbitrary: fc.record({ do: only('restart'), told: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: only('open'),
      count: fc.integer({ min: 1, max: 12 }),
      handshake: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: only('confirm'), listing: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: only('end'), nth: fc.nat(100) }) },
  { weight: 2, arbitrary: fc.record({ do: only('wait'), ms: fc.constantFrom(200, 1_500, 90_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('invalid', 'talk') }) },
);

interface Connection {
  readonly port: number;
  readonly owner: Name;
  readonly mode: ServiceMode;
  /** Whether the client's handshake is done. */
  established: boolean;
}

/** Throws at the first packet that does not go where it must. */
export class StayPutWorld {
  readonly #director: SmallPlane;
  readonly #nodes = new Map<Name, Node>();
  readonly #health = new Map<Name, Health>();
  readonly #connections = new Map<number, Connection>();
  /** Who has been told to the director that runs now, and how. */
  #told = new Map<Name, Health>();
  /** What the director's earlier process gave new connections to; until the next one has been told. */
  #remembered: ReadonlySet<Name> | undefined;
  #mode: ServiceMode = 'dr';
  #port = 10_000;
  /** Packets of established connections that were looked at. */
  looked = 0;

  constructor(director: SmallPlane) {
    this.#director = director;
    for (const each of names) this.#health.set(each, 'up');
    for (const each of ['b1', 'b3'] as const) this.#nodes.set(each, { state: 'active', weight: 1 });
  }

  get connections(): number {
    return this.#connections.size;
  }

  async begin(): Promise<void> {
    await this.#director.start(this.#topology());
    await this.#tell();
  }

  async take(step: Step): Promise<void> {
    await this.#do(step);
    this.#lookAtAll();
  }

  async #do(step: Step): Promise<void> {
    switch (step.do) {
      case 'add':
        return this.#change(step.name, { state: 'active', weight: this.#nodes.get(step.name)?.weight ?? 1 });
      case 'drain':
        return this.#change(step.name, { state: 'drain', weight: this.#nodes.get(step.name)?.weight ?? 1 });
      case 'weight':
        if (!this.#nodes.has(step.name)) return undefined;
        return this.#change(step.name, { state: this.#nodes.get(step.name)!.state, weight: step.weight });
      case 'remove':
        return this.#nodes.size > 1 ? this.#change(step.name, undefined) : undefined;
      case 'mode':
        this.#mode = step.mode;
        return this.#apply();
      case 'health':
        // Who is dead stays so until it answers again, and is up then.
        if (step.health === 'down' && this.#health.get(step.name) === 'dead') return undefined;
        this.#health.set(step.name, step.health);
        return this.#remembered === undefined ? this.#tell() : undefined;
      case 'restart':
        return this.#restart(step.told);
      case 'open':
        for (let count = 0; count < step.count; count++) await this.#open(step.handshake);
        return undefined;
      case 'confirm':
        return this.#confirm(step.listing);
      case 'end':
        return this.#end(step.nth);
      case 'wait':
        return this.#wait(step.ms);
      case 'invalid':
        return this.#invalid();
      case 'talk':
        return undefined;
    }
  }

  /** Who may get a new connection now. */
  #eligible(): readonly Name[] {
    return [...this.#nodes].flatMap(([each, { state, weight }]) => {
      const isUp =
        this.#remembered === undefined ? this.#told.get(each) === 'up' : this.#remembered.has(each);
      return state === 'active' && weight > 0 && isUp ? [each] : [];
    });
  }

  #text(): string {
    return stringify({
      version: 1,
      cluster: 'test',
      secret: { env: 'NOT_READ_HERE' },
      hashKey: '000102030405060708090a0b0c0d0e0f',
      flows: { capacity: 1_024, unconfirmed: 1_024 },
      services: { chat: { listen: `${vip}:${vipPort}`, forwarding: this.#mode } },
      directors: { d1: { host: '10.0.0.1' } },
      balancers: Object.fromEntries(
        [...this.#nodes].map(([each, node]) => [
          each,
          { host: hostOf(each), ...node, ...(confirms(each) ? {} : { heartbeat: { probe: 'tcp' } }) },
        ]),
      ),
      chatservers: { c1: { address: '10.0.2.1:7000' } },
    });
  }

  #topology(): Topology {
    const { topology, ...rest } = parseTopology(this.#text(), 'topology.yaml');
    if (topology === undefined) throw new Error(JSON.stringify(rest));
    return topology;
  }

  async #change(each: Name, node: Node | undefined): Promise<void> {
    if (node === undefined) this.#nodes.delete(each);
    else this.#nodes.set(each, node);
    await this.#apply();
  }

  async #apply(): Promise<void> {
    await this.#director.apply(this.#topology());
    if (this.#remembered === undefined) await this.#tell();
  }

  /** The file is broken: what cannot be read reaches no director. */
  #invalid(): void {
    const { topology } = parseTopology(`${this.#text()}\nbalancer: {}\n`, 'topology.yaml');
    if (topology !== undefined) throw new Error('an invalid topology was taken');
  }

  /** The heartbeats have been answered, or not. */
  async #tell(): Promise<void> {
    const { beats } = this.#director;
    this.#remembered = undefined;
    const targets = new Set(beats.targets.map(({ id }) => id));
    const before = this.#told;
    this.#told = new Map();
    for (const [each, health] of this.#health) {
      if (!targets.has(idOf(each))) continue;
      // Who cannot disown comes back when the director has forgotten what it had.
      if (health !== 'dead' && before.get(each) === 'dead' && !confirms(each))
        await this.#director.wait(10_000);
      this.#told.set(each, health);
      const state = health === 'up' ? 'up' : 'down';
      const known = beats.health(idOf(each));
      const dead = health === 'dead';
      if (known?.state !== state || known.dead !== dead) beats.set(idOf(each), state, { dead });
    }
    await this.#director.wait(1);
    this.#bury();
    // A connection to a balancer begins with a full listing.
    for (const [each, health] of this.#told)
      if (health === 'up' && before.get(each) !== 'up' && confirms(each)) this.#list(each, true);
  }

  /** Connections of the dead are over; their clients' packets are answered with RST until then. */
  #bury(): void {
    for (const { port, owner, mode, established } of this.#connections.values()) {
      if (this.#told.get(owner) !== 'dead') continue;
      this.#connections.delete(port);
      if (mode === 'proxy' || !established) continue;
      const { kind } = this.#director.send(port, TcpFlag.Ack);
      if (kind !== 'reset') throw new Error(`a packet to the dead ${owner} is ${kind}`);
    }
  }

  async #restart(told: boolean): Promise<void> {
    const eligible = this.#mode === 'proxy' ? [] : this.#eligible();
    await this.#director.kill();
    for (const { port, mode } of this.#connections.values())
      if (mode === 'proxy') this.#connections.delete(port);
    this.#lookAtAll();
    await this.#director.start(this.#topology());
    this.#remembered = new Set(eligible);
    if (told) await this.#tell();
  }

  async #open(handshake: boolean): Promise<void> {
    const port = this.#port++;
    const eligible = this.#eligible();
    const mode = this.#mode;
    const fate = this.#director.send(port, TcpFlag.Syn);
    let owner: Name | undefined;
    if (mode === 'proxy') {
      if (fate.kind !== 'passed') throw new Error(`a SYN of a proxied service is ${fate.kind}`);
      const made = await this.#director.relay.connect('chat', port);
      if (typeof made !== 'string') owner = made.destination.id.split('@')[0] as Name;
    } else if (fate.kind === 'sent') {
      owner = names.find((each) => hostOf(each) === fate.host);
      if (fate.mode !== mode) throw new Error(`a new connection begins in ${fate.mode}, not in ${mode}`);
    } else if (fate.kind !== 'reset') throw new Error(`a SYN is ${fate.kind}`);
    const who = eligible.join(', ');
    if (owner === undefined) {
      if (eligible.length > 0) throw new Error(`a new connection is refused, though ${who} could take it`);
      return;
    }
    if (!eligible.includes(owner)) throw new Error(`a new connection goes to ${owner}, not to ${who}`);
    const connection = { port, owner, mode, established: false };
    this.#connections.set(port, connection);
    if (handshake) this.#look(connection);
  }

  /** Balancers that speak headgate report on the connections that the director has to them. */
  #confirm(listing: boolean): void {
    const targets = new Set(this.#director.beats.targets.map(({ id }) => id));
    for (const each of names) {
      if (!confirms(each) || this.#health.get(each) !== 'up' || !targets.has(idOf(each))) continue;
      this.#list(each, listing);
    }
  }

  #list(each: Name, listing: boolean): void {
    const own = [...this.#connections.values()].filter(
      ({ owner, mode, established }) => owner === each && mode !== 'proxy' && established,
    );
    this.#report(each, own, [], listing ? 'begin' : 'none');
    if (listing) this.#report(each, [], [], 'end');
  }

  #report(
    each: Name,
    confirmed: readonly Connection[],
    disowned: readonly Connection[],
    listing: 'none' | 'begin' | 'end',
  ): void {
    const clients = (some: readonly Connection[]) =>
      some.map(({ port }) => ({ address: ipBytes('192.0.2.1'), port }));
    this.#director.plane.report(idOf(each), {
      balancer: idOf(each),
      service: `${vip}:${vipPort}`,
      confirmed: clients(confirmed),
      disowned: clients(disowned),
      listing,
    });
  }

  #end(nth: number): void {
    const connection = [...this.#connections.values()][nth % Math.max(1, this.#connections.size)];
    if (connection === undefined) return;
    this.#connections.delete(connection.port);
    if (connection.mode === 'proxy') return this.#endProxied(connection.port);
    this.#director.send(connection.port, TcpFlag.Fin | TcpFlag.Ack);
    if (confirms(connection.owner)) this.#report(connection.owner, [], [connection], 'none');
  }

  #endProxied(port: number): void {
    const { relay } = this.#director;
    const made = [...relay.connections.values()].find(({ client }) => client.source.port === port);
    if (made !== undefined) relay.finish(made);
  }

  /** Long silences come when everybody has had the time to confirm what is established. */
  async #wait(ms: number): Promise<void> {
    if (this.#remembered !== undefined) await this.#tell();
    for (const connection of this.#connections.values()) this.#look(connection);
    this.#confirm(false);
    const shortMs = Math.min(ms, 2_500);
    await this.#director.wait(shortMs);
    this.#confirm(false);
    // Nobody is down for long: after ten seconds (deadAfter) it is dead.
    const isDown = [...this.#health.values()].includes('down');
    if (!isDown) await this.#director.wait(ms - shortMs, 1_000);
  }

  #lookAtAll(): void {
    for (const connection of this.#connections.values()) if (connection.established) this.#look(connection);
  }

  /** A packet of a client of a balancer that lives, as far as the director knows: it stays where it is. */
  #look(connection: Connection): void {
    const { port, owner, mode } = connection;
    const fate = this.#director.send(port, TcpFlag.Ack);
    this.looked++;
    connection.established = true;
    const is = fate.kind === 'sent' ? `sent to ${fate.host} by ${fate.mode}` : fate.kind;
    const wanted = mode === 'proxy' ? 'passed' : `sent to ${hostOf(owner)} by ${mode}`;
    if (is !== wanted) throw new Error(`a packet of connection ${port} is ${is}, not ${wanted}`);
  }

  /** Everybody leaves, and only who never came stays: nothing points at those who were there. */
  async end(): Promise<void> {
    await this.#tell();
    this.#nodes.clear();
    this.#nodes.set('b5', { state: 'active', weight: 1 });
    if (this.#mode === 'proxy') this.#mode = 'dr';
    await this.#apply();
    this.#lookAtAll();
    await this.#open(true);
    while (this.#connections.size > 0) this.#end(0);
    // Foreign ones cannot disown: after a minute of silence what has ended is forgotten.
    await this.#director.wait(90_000, 250);
    const { maps } = this.#director;
    const left = Array.from({ length: 8 }, (_, index) => maps.balancers.lookup(index)!).filter(
      (value) => value[0] !== 0,
    );
    if (left.length > 1) throw new Error(`${left.length} balancers are left, not only b5`);
    if (Array.from(maps.endpoints.keys()).length > 1) throw new Error('endpoints are left');
    const { kind } = this.#director.send(this.#port++, TcpFlag.Syn);
    if (kind !== 'reset') throw new Error(`with nobody there a SYN is ${kind}`);
  }
}
