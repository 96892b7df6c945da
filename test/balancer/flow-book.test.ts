import test from 'ava';
import fc from 'fast-check';
import { FlowBook } from '../../balancer/flow-book.ts';
import { endpointKey, FlowSender, frameBody, LiveFlows } from '../../lib/flow-report/index.ts';

const client = (port: number): string => endpointKey({ host: '192.0.2.1', port });

/** A book, workers that tell it, and what changed in it. */
class Scene {
  readonly live = new Set<string>();
  readonly book: FlowBook;
  readonly #workers = new Map<number, { flows: LiveFlows; sender: FlowSender; open: string[] }>();

  constructor(capacity = 1_000) {
    this.book = new FlowBook(capacity, (_service, key, isLive) => {
      if (this.live.has(key) === isLive) throw new Error('a change that is none');
      if (isLive) this.live.add(key);
      else this.live.delete(key);
    });
  }

  worker(id: number): { flows: LiveFlows; sender: FlowSender; open: string[] } {
    let worker = this.#workers.get(id);
    if (worker === undefined) {
      const flows: LiveFlows = new LiveFlows((service, key, isLive) => sender.changed(service, key, isLive));
      const sender: FlowSender = new FlowSender(flows, { mostChanges: 5, perFrame: 3 });
      this.#workers.set(id, (worker = { flows, sender, open: [] }));
    }
    return worker;
  }

  open(id: number, port: number): void {
    const { flows, open } = this.worker(id);
    open.push(client(port));
    flows.opened('chat', client(port));
  }

  close(id: number, port: number): void {
    const { flows, open } = this.worker(id);
    const at = open.indexOf(client(port));
    if (at === -1) return;
    open.splice(at, 1);
    flows.ended('chat', client(port));
  }

  tell(id: number): boolean {
    const frame = this.worker(id).sender.next();
    if (frame !== undefined && !this.book.take(id, frameBody(frame))) throw new Error('not understood');
    return frame !== undefined;
  }

  die(id: number): void {
    this.#workers.delete(id);
    this.book.workerGone(id);
  }

  /** Everything the workers have. */
  truth(): string[] {
    return [...new Set([...this.#workers.values()].flatMap(({ open }) => open))].sort();
  }

  settle(): void {
    for (const id of this.#workers.keys()) while (this.tell(id));
  }
}

test('whatever workers open, close, tell late or lose by dying, the book has what they have, and tells each change once', (t) => {
  const step = fc.tuple(
    fc.constantFrom('open', 'open', 'open', 'close', 'close', 'tell', 'tell', 'die'),
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 6 }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (script) => {
      const scene = new Scene();
      // A worker that died comes back under another id.
      const lives = [0, 0, 0, 0];
      for (const [what, worker, port] of script) {
        const id = worker + 10 * lives[worker]!;
        if (what === 'open' || what === 'close') scene[what](id, port);
        else if (what === 'tell') scene.tell(id);
        else {
          scene.die(id);
          lives[worker]!++;
        }
      }
      scene.settle();
      t.deepEqual([...scene.live].sort(), scene.truth());
      t.deepEqual([...scene.book.live('chat')].sort(), scene.truth());
      t.is(scene.book.count('chat'), scene.truth().length);
    }),
    { numRuns: 2_000 },
  );
});

test('a worker cannot make the book larger than it may be, nor end what others have', (t) => {
  const scene = new Scene(2);
  for (const port of [1, 2, 3]) scene.open(1, port);
  scene.settle();
  t.is(scene.live.size, 2);
  t.is(scene.book.overflows, 1);
  const disown = {
    sequence: 1,
    service: 'chat',
    listing: 'begin',
    confirmed: [],
    disowned: [client(1)],
  } as const;
  t.true(scene.book.take(2, frameBody(disown)));
  t.is(scene.live.size, 2);
  t.false(scene.book.take(2, frameBody({ ...disown, sequence: 3 })), 'one is missing');
  t.false(scene.book.take(3, { nonsense: true }));
});

test('services that are served are listed also without clients', (t) => {
  const { book } = new Scene();
  book.serve(['chat', 'irc']);
  t.deepEqual([...book.services()], ['chat', 'irc']);
  t.deepEqual([...book.live('irc')], []);
});
