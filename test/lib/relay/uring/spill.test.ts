import test from 'ava';
import fc from 'fast-check';
import { SpillQueue } from '../../../../lib/relay/uring/spill-queue.ts';
import { SpillArena, spillBytes } from '../../../../lib/relay/uring/spill.ts';
import { uringMissing } from '../engines.ts';

/** The arena's memory is mapped by system calls. */
const kernelTest = uringMissing === undefined ? test : test.skip;
if (uringMissing !== undefined) test(`not tested here: ${uringMissing}`, (t) => t.pass());

const steps = fc.array(
  fc.record({
    queue: fc.nat(2),
    append: fc.oneof(fc.nat(100), fc.nat(3 * spillBytes)),
    consume: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  { maxLength: 40 },
);

kernelTest('bytes leave a spill queue in the order they came, and every chunk is given back', (t) => {
  fc.assert(
    fc.property(steps, (plan) => {
      const arena = new SpillArena();
      const queues = [0, 1, 2].map(() => ({
        spill: new SpillQueue(arena),
        model: Buffer.alloc(0) as Buffer,
      }));
      let byte = 0;
      const consume = ({ spill, model }: (typeof queues)[number], share: number): Buffer => {
        const { length } = spill;
        const some = Math.floor(length * share);
        if (!model.subarray(0, length).equals(spill.view)) throw new Error('other bytes');
        if (some > 0) spill.consume(some);
        return model.subarray(some);
      };
      for (const { queue, append, consume: share } of plan) {
        const one = queues[queue]!;
        const bytes = Buffer.from(Array.from({ length: append }, () => byte++ & 0xff));
        one.spill.append(bytes);
        one.model = Buffer.concat([one.model, bytes]);
        if (!one.spill.isEmpty) one.model = consume(one, share);
      }
      for (const one of queues) while (!one.spill.isEmpty) one.model = consume(one, 1);
      const isEmpty = queues.every(({ model }) => model.length === 0) && arena.chunks === 0;
      arena.close();
      return isEmpty;
    }),
    { numRuns: 60 },
  );
  t.pass();
});

kernelTest('a queue that is dropped keeps only what a request under way uses', (t) => {
  const arena = new SpillArena();
  const queue = new SpillQueue(arena);
  queue.append(new Uint8Array(3 * spillBytes + 1));
  t.is(arena.chunks, 4);
  queue.drop(true);
  t.is(arena.chunks, 1);
  queue.drop(false);
  t.is(arena.chunks, 0);
  t.true(queue.isEmpty);
  arena.close();
});

kernelTest('slabs are given back when nothing is left in them, but one', (t) => {
  const arena = new SpillArena();
  const before = arena.mappedBytes;
  t.is(before, 0);
  const chunks = Array.from({ length: 1_000 }, () => arena.take());
  t.is(new Set(chunks.map((chunk) => arena.address(chunk))).size, 1_000, 'no chunk twice');
  const most = arena.mappedBytes;
  t.true(most >= 1_000 * spillBytes);
  for (const chunk of chunks) arena.give(chunk);
  const least = arena.mappedBytes;
  t.true(least > 0 && least < most / 10, `${least} of ${most} bytes`);
  const again = Array.from({ length: 1_000 }, () => arena.take());
  t.is(new Set(again.map((chunk) => arena.address(chunk))).size, 1_000);
  t.is(arena.mappedBytes, most);
  arena.close();
});
