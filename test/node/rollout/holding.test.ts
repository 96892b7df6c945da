import test from 'ava';
import fc from 'fast-check';
import {
  afterFileChange,
  afterTake,
  afterWrite,
  heldFromFile,
  refusesStage,
  runningHash,
  startWith,
  type Holding,
} from '../../../node/rollout/holding.ts';
import { compareStamps, nextStamp, readStamp, unstamped, type Stamp } from '../../../node/rollout/stamp.ts';

const stamp = (generation: number, id: string, hash = 'aa'): Stamp => ({ generation, id, hash });
const held: Holding = afterWrite(afterTake(heldFromFile('aa', 'text a'), stamp(3, '1', 'bb'), 'text b'));

test('stamps are ordered by generation, then by the later roll-out', (t) => {
  t.true(compareStamps(stamp(2, '9'), stamp(10, '1')) < 0);
  t.true(compareStamps(stamp(2, '1'), stamp(2, '2')) < 0);
  t.is(compareStamps(stamp(2, '1'), stamp(2, '1')), 0);
  const early = nextStamp(unstamped('aa'), 'bb', 1_000, () => 0.9);
  const late = nextStamp(unstamped('aa'), 'bb', 2_000, () => 0.1);
  t.true(compareStamps(early, late) < 0);
  t.deepEqual(readStamp(early), early);
  for (const bad of [
    null,
    7,
    {},
    { ...early, generation: -1 },
    { ...early, id: 'x\n' },
    { ...early, hash: 5 },
  ])
    t.is(readStamp(bad), undefined);
});

test('staging is compare-and-swap: only what follows the newest, and one at a time', (t) => {
  const request = { stamp: stamp(4, '2'), base: held.stamp, text: '', by: 'ann' };
  t.is(refusesStage(held, undefined, request), undefined);
  const staged = { ...request, untilMs: 0 };
  t.is(refusesStage(held, staged, request), undefined, 'the same one again');
  t.is(
    refusesStage(held, { ...staged, by: 'bob', stamp: stamp(4, '3') }, request)?.code,
    'HEADGATE_ROLLOUT_BUSY',
  );
  t.is(refusesStage(held, undefined, { ...request, base: stamp(2, '0') })?.code, 'HEADGATE_ROLLOUT_STALE');
  t.is(refusesStage(held, undefined, { ...request, stamp: held.stamp })?.code, 'HEADGATE_ROLLOUT_STALE');
  const behind = { ...held, stamp: stamp(1, '0') };
  t.is(refusesStage(behind, undefined, request), undefined, 'who is behind may take the newest at once');
});

test('a file changed by hand is local after a roll-out, and simply the file before the first one', (t) => {
  const local = afterFileChange(held, 'cc', 'text c');
  t.is(runningHash(local), 'cc');
  t.is(local.stamp.hash, 'bb');
  t.is(afterFileChange(local, 'cc', 'text c'), local);
  t.is(afterFileChange(local, 'bb', 'text b').local, null);
  t.is(afterTake(local, stamp(4, '2'), 'text d').local, null);
  const fresh = afterFileChange(heldFromFile('aa', 'text a'), 'cc', 'text c');
  t.deepEqual([fresh.local, fresh.stamp], [null, unstamped('cc')]);
});

test('at the start the file is in force unless it still reads as before the last roll-out', (t) => {
  const unwritten = afterTake(heldFromFile('aa', 'text a'), stamp(3, '1', 'bb'), 'text b');
  const file = (name: string) => ({ hash: name + name, text: `text ${name}` });
  t.is(startWith(undefined, undefined), undefined);
  t.is(startWith(undefined, file('a'))?.from, 'file');
  t.is(startWith(held, undefined)?.from, 'kept');
  t.is(startWith(held, file('b'))?.from, 'file');
  t.is(startWith(unwritten, file('a'))?.from, 'kept');
  t.deepEqual(startWith(unwritten, file('b'))?.holding, held);
  const changed = startWith(held, file('c'))!;
  t.is(changed.from, 'file');
  t.is(changed.holding.local?.hash, 'cc');
});

test('whatever happens to the file, the last roll-out stays known and is what a peer is given', (t) => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'take')), (steps) => {
      let holding = held;
      let generation = 3;
      for (const step of steps) {
        if (step === 'take')
          holding = afterWrite(afterTake(holding, stamp(++generation, '5', 'dd'), `text ${generation}`));
        else holding = afterFileChange(holding, step + step, `text ${step}`);
        t.is(holding.stamp.generation, generation);
        t.is(holding.text, generation === 3 ? 'text b' : `text ${generation}`);
      }
    }),
  );
});
