import test from 'ava';
import fc from 'fast-check';
import { isHeadgateError } from '../../../../lib/errors/index.ts';
import { OperationTable, packHigh, packLow } from '../../../../lib/linux/uring/index.ts';

test('a table of four slots gives four and no fifth', (t) => {
  const table = new OperationTable(4);
  t.deepEqual([table.take(), table.take(), table.take(), table.take(), table.take()], [0, 1, 2, 3, -1]);
  t.is(table.live, 4);
});

test('the slot that was free longest is taken first', (t) => {
  const table = new OperationTable(3);
  for (let slot = 0; slot < 3; slot++) table.take();
  for (const slot of [1, 2, 0]) table.release(slot);
  t.deepEqual([table.take(), table.take(), table.take()], [1, 2, 0]);
});

test('a completion after the release is late, and only then can the slot be taken again', (t) => {
  const table = new OperationTable(1);
  const slot = table.take();
  const low = packLow(1, slot);
  const high = packHigh(table.generation(slot));
  table.begin(slot);
  table.release(slot);
  t.is(table.take(), -1, 'its request is under way');
  t.is(table.retired, 1);
  t.false(table.settle(low, high, false));
  t.is(table.late, 1);
  t.is(table.take(), slot);
  t.not(table.generation(slot), high);
});

test('a completion with the generation before is late for the successor', (t) => {
  const table = new OperationTable(1);
  const before = packHigh(table.generation(table.take()));
  table.release(0);
  table.take();
  table.begin(0);
  t.false(table.settle(packLow(1, 0), before, true));
  t.true(table.settle(packLow(1, 0), packHigh(table.generation(0)), false));
});

test('a multishot request stays under way until its last completion', (t) => {
  const table = new OperationTable(1);
  const slot = table.take();
  table.begin(slot);
  const settle = (more: boolean): boolean => table.settle(packLow(1, slot), table.generation(slot), more);
  t.true(settle(true));
  t.true(settle(true));
  t.is(table.underWay(slot), 1);
  t.true(settle(false));
  t.is(table.underWay(slot), 0);
});

test('a completion nobody waits for is counted as stray', (t) => {
  const table = new OperationTable(1);
  t.false(table.settle(packLow(1, 0), 0, false));
  t.false(table.settle(packLow(1, 77), 0, false), 'a slot the table does not have');
  t.is(table.stray, 2);
});

test('generations wrap without mixing up neighbours', (t) => {
  const table = new OperationTable(1);
  for (let life = 0; life < 2 ** 20; life++) {
    table.take();
    table.release(0);
  }
  t.is(table.generation(0), 0);
});

test('a slot that is not live cannot be released or begin a request', (t) => {
  const table = new OperationTable(2);
  t.true(
    isHeadgateError(
      t.throws(() => table.release(0)),
      'HEADGATE_URING_MISUSE',
    ),
  );
  t.true(
    isHeadgateError(
      t.throws(() => table.begin(1)),
      'HEADGATE_URING_MISUSE',
    ),
  );
  t.true(
    isHeadgateError(
      t.throws(() => new OperationTable(0)),
      'HEADGATE_URING_SIZE',
    ),
  );
});

/** What a slow and plain table would know: every request by itself, every life by a number of its own. */
class Model {
  lives = 0;
  readonly living = new Map<number, number>();
  readonly requests: { slot: number; life: number; low: number; high: number }[] = [];
  isBusy(slot: number): boolean {
    return this.living.has(slot) || this.requests.some((request) => request.slot === slot);
  }
}

const step = fc.record({
  action: fc.constantFrom('take', 'begin', 'more', 'last', 'release'),
  pick: fc.nat(),
});

test('random lives, requests and completions agree with a plain model', (t) => {
  const capacity = 4;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const table = new OperationTable(capacity);
      const model = new Model();
      for (const { action, pick } of steps) {
        const slots = [...model.living.keys()];
        const slot = slots[pick % Math.max(1, slots.length)];
        const at = pick % Math.max(1, model.requests.length);
        const request = model.requests[at];
        if (action === 'take') {
          const taken = table.take();
          const free = [0, 1, 2, 3].filter((one) => !model.isBusy(one));
          t.is(taken === -1, free.length === 0);
          if (taken === -1) continue;
          t.true(free.includes(taken));
          model.living.set(taken, ++model.lives);
        } else if (action === 'begin' && slot !== undefined) {
          table.begin(slot);
          const [low, high] = [packLow(7, slot), packHigh(table.generation(slot))];
          model.requests.push({ slot, life: model.living.get(slot)!, low, high });
        } else if (action === 'release' && slot !== undefined) {
          table.release(slot);
          model.living.delete(slot);
        } else if ((action === 'more' || action === 'last') && request !== undefined) {
          const isCurrent = table.settle(request.low, request.high, action === 'more');
          t.is(isCurrent, model.living.get(request.slot) === request.life);
          if (action === 'last') model.requests.splice(at, 1);
        }
        t.is(table.live, model.living.size);
        for (let one = 0; one < capacity; one++) {
          t.is(table.underWay(one), model.requests.filter((request) => request.slot === one).length);
        }
      }
      t.is(table.stray, 0);
    }),
  );
});
