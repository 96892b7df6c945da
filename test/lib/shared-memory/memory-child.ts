/**
 * A process that shares memory with its test: descriptor 4. Arguments: its token, then `count N` (change every number N
 * times, then leave) or `hold` (take the lock again and again, holding it most of the time, until killed). Says `ready`
 * and, when it has counted, `done`.
 */
import { OwnerLock, SharedMemory } from '../../../lib/shared-memory/index.ts';
import { memoryBytes, place } from './memory-places.ts';

const [token = '1', what, times = '0'] = process.argv.slice(2);
const { buffer } = SharedMemory.open(4, memoryBytes);
const words = new Int32Array(buffer);
const doubles = new Float64Array(buffer);
const lock = new OwnerLock(words, place.lock, Number(token));

process.on('message', () => {
  if (what === 'count') {
    for (let round = 0; round < Number(times); round++) {
      Atomics.add(words, place.added, 1);
      let old = Atomics.load(words, place.exchanged);
      for (;;) {
        const found = Atomics.compareExchange(words, place.exchanged, old, old + 1);
        if (found === old) break;
        old = found;
      }
      lock.take(60_000);
      doubles[place.guarded] = doubles[place.guarded]! + 1;
      lock.release();
    }
    process.send?.({ done: true, broken: lock.stats.broken, waits: lock.stats.waits });
    process.disconnect();
    return;
  }
  const hold = (): void => {
    if (lock.try(0)) {
      doubles[place.begun] = doubles[place.begun]! + 1;
      const untilMs = performance.now() + 0.5;
      while (performance.now() < untilMs);
      doubles[place.ended] = doubles[place.ended]! + 1;
      lock.release();
    }
    setImmediate(hold);
  };
  hold();
});
process.on('disconnect', () => process.exit(0));
process.send?.({ ready: true });
