import fc from 'fast-check';
import {
  EAGAIN,
  ECANCELED,
  IORING_CQE_F_MORE,
  Memory,
  OperationTable,
  packHigh,
  packLow,
  POLLIN,
  prepareCancel,
  preparePoll,
  preparePollMultishot,
  prepareRead,
  Ring,
  EventDescriptor,
  unpackKind,
  unpackSlot,
} from '../../../../lib/linux/uring/index.ts';
import { pump, uringTest } from './support.ts';
import type { ExecutionContext } from 'ava';

const kind = { poll: 1, polls: 2, read: 3, cancel: 4 } as const;
const capacity = 4;

const step = fc.record({
  action: fc.constantFrom('take', 'poll', 'polls', 'read', 'signal', 'cancel', 'release', 'submit', 'drain'),
  pick: fc.nat(),
});

/** Readable; eight bytes read; nothing to read (reads never wait at a non-blocking descriptor); cancelled. */
const allowed = new Set([POLLIN, 8, -EAGAIN, -ECANCELED]);

/** One request of the model. */
interface Request {
  readonly low: number;
  readonly high: number;
  readonly life: number;
  ended: boolean;
}

/** Owners of slots, each with an eventfd, and their requests on a real ring. */
class World {
  readonly ring = new Ring({ entries: 4, completionEntries: 8 });
  readonly table = new OperationTable(capacity);
  readonly memory = Memory.anonymous(4_096);
  readonly events = Array.from({ length: capacity }, () => new EventDescriptor());
  /** Slot → number of its present life. */
  readonly lives = new Map<number, number>();
  readonly requests: Request[] = [];
  readonly #t: ExecutionContext;
  #life = 0;
  #cancels = 0;

  constructor(t: ExecutionContext) {
    this.#t = t;
  }

  take(): void {
    const slot = this.table.take();
    if (slot !== -1) this.lives.set(slot, ++this.#life);
  }

  begin(which: 'poll' | 'polls' | 'read', slot: number): void {
    const high = packHigh(this.table.generation(slot));
    const low = packLow(kind[which], slot);
    const fd = this.events[slot]!.fd;
    const sqe = this.ring.sqe(low, high);
    if (which === 'poll') preparePoll(sqe, fd, POLLIN);
    else if (which === 'polls') preparePollMultishot(sqe, fd, POLLIN);
    else prepareRead(sqe, fd, this.memory.address + slot * 8, 8);
    this.table.begin(slot);
    this.requests.push({ low, high, life: this.lives.get(slot)!, ended: false });
  }

  cancel({ low, high }: Request): void {
    prepareCancel(this.ring.sqe(packLow(kind.cancel, 0), 0), low, high);
    this.#cancels++;
  }

  readonly tell = (low: number, high: number, result: number, flags: number): void => {
    if (unpackKind(low) === kind.cancel) {
      this.#cancels--;
      return;
    }
    const slot = unpackSlot(low);
    const more = (flags & IORING_CQE_F_MORE) !== 0;
    // Requests with the same words belong to one life and are alike; any that has not ended will do.
    const request = this.requests.find((one) => one.low === low && one.high === high && !one.ended);
    this.#t.truthy(request, 'every completion has a request that has not ended');
    this.#t.is(this.table.settle(low, high, more), this.lives.get(slot) === request!.life);
    this.#t.true(allowed.has(result), `result ${result}`);
    if (!more) request!.ended = true;
  };

  /**
   * Cancels what is left and waits for every request's last completion. Again when some are left: of several requests with the
   * same words the kernel may find the same one twice.
   */
  finish(): void {
    const cancelRest = (): void => {
      for (const request of this.requests) if (!request.ended) this.cancel(request);
    };
    cancelRest();
    pump(
      this.ring,
      ({ low, high, result, flags }) => this.tell(low, high, result, flags),
      () => {
        if (this.#cancels > 0) return false;
        cancelRest();
        this.ring.submit();
        return this.requests.every((request) => request.ended);
      },
      1,
    );
  }

  close(): void {
    this.ring.close();
    for (const event of this.events) event.close();
    this.memory.free();
  }
}

uringTest('random requests, signals, cancellations and releases on a ring end exactly once each', (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const world = new World(t);
      try {
        for (const { action, pick } of steps) {
          const slots = [...world.lives.keys()];
          const slot = slots[pick % Math.max(1, slots.length)];
          if (action === 'take') world.take();
          else if (action === 'signal') world.events[pick % capacity]!.signal();
          else if (action === 'submit') world.ring.submit();
          else if (action === 'drain') world.ring.drain(world.tell);
          else if (action === 'cancel') {
            const request = world.requests[pick % Math.max(1, world.requests.length)];
            if (request !== undefined) world.cancel(request);
          } else if (slot !== undefined && action === 'release') {
            world.table.release(slot);
            world.lives.delete(slot);
          } else if (slot !== undefined && action !== 'release') world.begin(action, slot);
        }
        world.finish();
        t.is(world.table.stray, 0);
        t.is(world.table.retired, 0);
        t.is(world.ring.stats.dropped, 0);
        for (const slot of world.lives.keys()) t.is(world.table.underWay(slot), 0);
      } finally {
        world.close();
      }
    }),
    { numRuns: 200 },
  );
});
