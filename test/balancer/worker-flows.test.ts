import fc from 'fast-check';
import test, { type ExecutionContext } from 'ava';
import { FlowBook } from '../../balancer/flow-book.ts';
import { WorkerFlows } from '../../balancer/worker-flows.ts';
import { WorkerListeners } from '../../balancer/worker-listeners.ts';
import { workerServices } from '../../balancer/worker-services.ts';
import { formatEndpoint, parseEndpoint } from '../../lib/address/index.ts';
import type { Json } from '../../lib/control/index.ts';
import { endpointKey, FlowReceiver, FlowSender, frameBody, ListedKeys } from '../../lib/flow-report/index.ts';
import type { ListenSpec, RelayClient, RelayListener } from '../../lib/relay/index.ts';
import type { Topology } from '../../topology/index.ts';
import { ManualClock } from '../manual-clock.ts';
import { aBalancer, aService, aTopology } from '../topology-fixture.ts';

const names = ['chat', 'irc', 'talk'];
const vips = ['203.0.113.1:9000', '203.0.113.1:9001', '203.0.113.2:9000'];
/** One port of the balancer for each name, whatever it listens for. */
const me = aBalancer({ ports: { chat: 9_101, irc: 9_102, talk: 9_103 } });

interface Spec {
  readonly name: string;
  readonly vip: string;
  readonly forwarding: 'dr' | 'nat';
}

function topologyOf(specs: readonly Spec[]): Topology {
  const services = specs.map(({ name, vip, forwarding }) =>
    aService({ name, listen: parseEndpoint(vip)!, forwarding }),
  );
  return aTopology({ services, balancers: [me] });
}

interface Connection {
  readonly vip: string;
  readonly client: RelayClient;
}

/** A worker, its supervisor's book, and a director that holds what it is told; the relay has no sockets. */
class Scene {
  readonly #clock = new ManualClock();
  /** What listeners run by now, by their endpoint. */
  readonly #open = new Map<string, ListenSpec>();
  readonly #listeners = new WorkerListeners({ listen: (spec) => Promise.resolve(this.#listen(spec)) }, true);
  readonly #toBook: { readonly frame: Json; readonly sent: () => void }[] = [];
  readonly #book: FlowBook = new FlowBook(1_000, (service, key, isLive) =>
    this.#sender?.changed(service, key, isLive),
  );
  readonly #flows = new WorkerFlows({
    clock: this.#clock,
    send: (frame, sent) => void this.#toBook.push({ frame, sent }),
  });
  #sender: FlowSender | undefined;
  #receiver = new FlowReceiver();
  readonly #listed = new Map<string, ListedKeys>();
  /** Clients that the director takes for the balancer's, by VIP. */
  readonly held = new Map<string, Set<string>>(vips.map((vip) => [vip, new Set()]));
  #topology = topologyOf([]);
  /** Accepted and not routed yet: their PROXY header is waited for. */
  readonly #waiting: Connection[] = [];
  readonly live: Connection[] = [];
  #next = 1;

  #listen(spec: ListenSpec): RelayListener {
    const place = formatEndpoint(spec.endpoint);
    if (this.#open.has(place)) throw new Error(`${place} is taken`);
    this.#open.set(place, spec);
    return {
      spec,
      update: (settings) => void this.#open.set(place, { ...spec, ...settings }),
      close: () => Promise.resolve(void this.#open.delete(place)),
    };
  }

  /** Takes over a topology, as supervisor and worker do. */
  async apply(specs: readonly Spec[]): Promise<void> {
    this.#topology = topologyOf(specs);
    this.#book.serve(specs.map(({ vip }) => vip));
    const atVip = new Set(specs.flatMap(({ name, forwarding }) => (forwarding === 'dr' ? [name] : [])));
    const services = workerServices(this.#topology, me, { directorHosts: [], atVip });
    const failures = await this.#listeners.apply({ accepting: true, services });
    if (failures.length > 0) throw new Error(failures[0]!.message);
  }

  /** A client connects to a VIP, and is sent where the topology says. */
  accept(nth: number, port: number): void {
    const { services } = this.#topology;
    const service = services[nth % services.length];
    if (service === undefined) return;
    const { name, listen, forwarding } = service;
    const endpoint = forwarding === 'dr' ? listen : { host: me.host, port: me.ports[name]! };
    const spec = this.#open.get(formatEndpoint(endpoint))!;
    const peer = { host: '192.0.2.1', port };
    const ends = { source: peer, peer, destination: endpoint };
    const client = { id: this.#next++, service: spec.service, vip: spec.vip, forwarded: false, ...ends };
    this.#waiting.push({ vip: formatEndpoint(listen), client });
  }

  route(): void {
    const connection = this.#waiting.shift();
    if (connection === undefined) return;
    this.live.push(connection);
    this.#flows.began(connection.client);
  }

  end(nth: number): void {
    const [connection] = this.live.splice(nth % Math.max(1, this.live.length), 1);
    // It comes back from the ledger of the relay as another object.
    if (connection !== undefined) this.#flows.ended({ ...connection.client });
  }

  /** The worker tells the book, and the book the director, what there is to tell at once. */
  tell(): void {
    this.#clock.advance(100);
    const message = this.#toBook.shift();
    if (message !== undefined) {
      if (!this.#book.take(1, message.frame)) throw new Error('not understood');
      message.sent();
    }
    const frame = this.#sender?.next();
    if (frame !== undefined) this.#take(frameBody(frame));
  }

  /** The director's connection is made, or made again. */
  connect(): void {
    this.#receiver = new FlowReceiver();
    this.#sender = new FlowSender(this.#book, { perFrame: 3 });
  }

  #take(body: Json): void {
    const received = this.#receiver.take(body);
    if (received.kind !== 'frame') throw new Error(`a frame is ${received.kind}`);
    const { service, confirmed, disowned } = received.frame;
    const held = this.held.get(service);
    if (held === undefined) throw new Error(`nobody listens at ${service}`);
    let listed = this.#listed.get(service);
    if (listed === undefined) this.#listed.set(service, (listed = new ListedKeys()));
    for (const key of confirmed) held.add(key);
    for (const key of disowned) held.delete(key);
    const named = listed.take(received.frame);
    for (const key of held) if (named?.has(key) === false) held.delete(key);
  }

  holds({ vip, client }: Connection): boolean {
    return this.held.get(vip)!.has(endpointKey(client.peer));
  }

  /** What the director is to hold: the live connections, by what they connected to. */
  isKnown(t: ExecutionContext): void {
    for (const [vip, held] of this.held) {
      const own = this.live.filter((connection) => connection.vip === vip);
      const keys = new Set(own.map(({ client }) => endpointKey(client.peer)));
      t.deepEqual([...held].sort(), [...keys].sort(), vip);
    }
  }

  settle(): void {
    // Whatever is on its way has come after so many turns.
    for (let turn = 0; turn < 500; turn++) this.tell();
  }
}

const specs = fc
  .tuple(
    fc.shuffledSubarray(names, { minLength: 2, maxLength: 2 }),
    fc.shuffledSubarray(vips, { minLength: 2, maxLength: 2 }),
    fc.tuple(fc.constantFrom('dr', 'nat'), fc.constantFrom('dr', 'nat')),
  )
  .map(([called, at, modes]) =>
    called.map((name, index): Spec => ({ name, vip: at[index]!, forwarding: modes[index]! })),
  );

const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('apply' as const), specs }),
    fc.record({ do: fc.constant('accept' as const), nth: fc.nat(1), port: fc.integer({ min: 1, max: 8 }) }),
    fc.record({ do: fc.constant('end' as const), nth: fc.nat(20) }),
    fc.record({ do: fc.constantFrom('route', 'tell', 'tell', 'connect') }),
  ),
  { maxLength: 80 },
);

test('whatever services are called and wherever they move, a director knows the clients of each VIP, and none that lives is ever taken for gone', async (t) => {
  await fc.assert(
    fc.asyncProperty(specs, steps, async (first, script) => {
      const scene = new Scene();
      await scene.apply(first);
      scene.accept(0, 99);
      scene.route();
      scene.connect();
      scene.settle();
      const [stays] = scene.live.splice(0);
      for (const step of script) {
        if (step.do === 'apply') await scene.apply(step.specs);
        else if (step.do === 'accept') scene.accept(step.nth, step.port);
        else if (step.do === 'end') scene.end(step.nth);
        else scene[step.do]();
        t.true(scene.holds(stays!));
      }
      scene.settle();
      scene.live.push(stays!);
      scene.isKnown(t);
    }),
    { numRuns: 500 },
  );
});
