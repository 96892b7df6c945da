import test from 'ava';
import fc from 'fast-check';
import {
  clientOfKey,
  endpointKey,
  FlowReceiver,
  FlowSender,
  flowKeyOf,
  frameBody,
  ListedFlows,
  LiveFlows,
  type FlowFrame,
} from '../../../lib/flow-report/index.ts';

const services = ['chat', 'irc'];

/** What a plane does with reports: holds flows, and at the end of a listing those that were named. */
class Director {
  readonly held = new Map<string, Set<string>>(services.map((service) => [service, new Set()]));
  readonly #listed = new ListedFlows();
  #receiver = new FlowReceiver();

  subscribed(): void {
    this.#receiver = new FlowReceiver();
  }

  take(frame: FlowFrame): void {
    const received = this.#receiver.take(frameBody(frame));
    if (received.kind !== 'frame') throw new Error(`a frame is ${received.kind}`);
    const { service, listing, confirmed, disowned } = received.frame;
    const held = this.held.get(service)!;
    for (const key of confirmed) held.add(key);
    for (const key of disowned) held.delete(key);
    const report = {
      balancer: 'b1',
      service,
      listing,
      confirmed: confirmed.map(clientOfKey),
      disowned: disowned.map(clientOfKey),
    };
    const isListed = this.#listed.take(report);
    if (isListed === undefined) return;
    for (const key of held) if (!isListed(clientOfKey(key))) held.delete(key);
  }
}

/** A balancer, a director and the connection between them; frames wait in it until the director reads. */
class Scene {
  readonly director = new Director();
  readonly live = new LiveFlows((service, key, isLive) => this.sender.changed(service, key, isLive));
  sender = this.#subscribe();
  wire: FlowFrame[] = [];
  readonly truth = new Map<string, string[]>(services.map((service) => [service, []]));

  #subscribe(): FlowSender {
    return new FlowSender(this.live ?? { services: () => [], live: () => [] }, {
      mostChanges: 6,
      perFrame: 3,
    });
  }

  open(service: string, port: number): void {
    const key = endpointKey({ host: '192.0.2.1', port });
    this.truth.get(service)!.push(key);
    this.live.opened(service, key);
  }

  close(service: string, port: number): void {
    const key = endpointKey({ host: '192.0.2.1', port });
    const open = this.truth.get(service)!;
    const at = open.indexOf(key);
    if (at === -1) return;
    open.splice(at, 1);
    this.live.ended(service, key);
  }

  send(): boolean {
    const frame = this.sender.next();
    if (frame !== undefined) this.wire.push(frame);
    return frame !== undefined;
  }

  read(): void {
    const frame = this.wire.shift();
    if (frame !== undefined) this.director.take(frame);
  }

  /** A frame that the queue did not take. */
  refuse(): void {
    if (this.sender.next() !== undefined) this.sender.refused();
  }

  reconnect(): void {
    this.wire = [];
    this.director.subscribed();
    this.sender = this.#subscribe();
  }

  settle(): void {
    for (let turn = 0; turn < 10_000; turn++) {
      const sent = this.send();
      this.read();
      if (!sent && this.wire.length === 0) return;
    }
    throw new Error('never at rest');
  }
}

type Step = readonly [
  what: 'open' | 'close' | 'send' | 'read' | 'refuse' | 'reconnect',
  service: string,
  port: number,
];

const steps = fc.array(
  fc.tuple(
    fc.constantFrom<Step[0]>(
      ...([
        'open',
        'open',
        'open',
        'close',
        'close',
        'send',
        'send',
        'read',
        'read',
        'refuse',
        'reconnect',
      ] as const),
    ),
    fc.constantFrom(...services),
    fc.integer({ min: 1, max: 12 }),
  ),
  { maxLength: 120 },
);

test('after any order of opens, closes, lost backlogs and reconnects the director knows exactly the live flows', (t) => {
  fc.assert(
    fc.property(steps, (script) => {
      const scene = new Scene();
      for (const [what, service, port] of script) {
        if (what === 'open' || what === 'close') scene[what](service, port);
        else scene[what]();
      }
      scene.settle();
      for (const service of services) {
        const expected = [...new Set(scene.truth.get(service))].sort();
        t.deepEqual([...scene.director.held.get(service)!].sort(), expected);
      }
    }),
    { numRuns: 3_000 },
  );
});

test('a flow that lives from before a listing to its end is never taken for gone by it', (t) => {
  fc.assert(
    fc.property(steps, (script) => {
      const scene = new Scene();
      scene.open('chat', 99);
      scene.settle();
      const key = endpointKey({ host: '192.0.2.1', port: 99 });
      for (const [what, service, port] of script) {
        if (what === 'open' || what === 'close') scene[what](service, port);
        else scene[what]();
        t.true(scene.director.held.get('chat')!.has(key));
      }
    }),
    { numRuns: 1_000 },
  );
});

test('a receiver that does not read costs a bounded backlog, which is dropped, counted and listed anew', (t) => {
  const live = new LiveFlows((service, key, isLive) => sender.changed(service, key, isLive));
  const sender: FlowSender = new FlowSender(live, { mostChanges: 10, perFrame: 5 });
  live.opened('chat', 'first.');
  while (sender.next() !== undefined);
  for (let round = 0; round < 11; round++) live.opened('chat', `key ${round.toString().padStart(2)}`);
  t.is(sender.dropped, 1);
  t.is(sender.next()?.listing, 'begin');
  while (sender.next() !== undefined);
  // One flow that comes and goes is one entry, but a rest without end for the iterator of a listing.
  for (let round = 0; round < 11; round++) {
    live.ended('chat', 'first.');
    live.opened('chat', 'first.');
  }
  t.true(sender.dropped >= 2);
});

test('what became live after the last part of a listing is in it before its end', (t) => {
  const live = new LiveFlows((service, key, isLive) => sender.changed(service, key, isLive));
  const sender: FlowSender = new FlowSender(live, { perFrame: 2 });
  live.opened('chat', 'first.');
  t.like(sender.next(), { listing: 'begin', confirmed: ['first.'] });
  for (const key of ['one...', 'two...', 'three.']) live.opened('chat', key);
  t.like(sender.next(), { listing: 'none', confirmed: ['one...', 'two...'] });
  t.like(sender.next(), { listing: 'end', confirmed: ['three.'] });
  t.is(sender.next(), undefined);
});

test('services without flows are listed as empty', (t) => {
  const sender = new FlowSender({ services: () => ['chat'], live: () => [] });
  const bare = { service: 'chat', confirmed: [], disowned: [] };
  t.deepEqual(
    [sender.next(), sender.next(), sender.next()],
    [{ ...bare, sequence: 1, listing: 'begin' }, { ...bare, sequence: 2, listing: 'end' }, undefined],
  );
});

test('listings are kept apart by balancer, and forgotten with it', (t) => {
  const listed = new ListedFlows();
  const client = { address: Uint8Array.of(192, 0, 2, 1), port: 1 };
  const other = { ...client, port: 2 };
  const report = { service: 'chat', confirmed: [], disowned: [] };
  listed.take({ ...report, balancer: 'b1', listing: 'begin', confirmed: [client, other] });
  listed.take({ ...report, balancer: 'b2', listing: 'begin' });
  listed.take({ ...report, balancer: 'b1', listing: 'none', disowned: [other] });
  const isListed = listed.take({ ...report, balancer: 'b1', listing: 'end' })!;
  t.deepEqual([isListed(client), isListed(other)], [true, false]);
  t.is(flowKeyOf(client).length, 6);
  listed.forget('b2');
  t.is(listed.take({ ...report, balancer: 'b2', listing: 'end' }), undefined);
});
