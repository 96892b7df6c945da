import { Memory, timespecBytes, writeTimespec } from '../../../../lib/linux/uring/index.ts';
import { highHalf, lowHalf } from '../../../../lib/linux/uring/memory.ts';
import { uringTest } from './support.ts';

uringTest('memory is zeroed, whole pages, and seen alike by all three views', (t) => {
  const memory = Memory.anonymous(5_000);
  t.teardown(() => memory.free());
  t.is(memory.bytes, 8_192);
  t.true(memory.u8.every((byte) => byte === 0));
  memory.u32[1] = 0x0403_0201;
  t.deepEqual([...memory.u8.subarray(4, 8)], [1, 2, 3, 4]);
  t.is(memory.u16[3], 0x0403);
});

uringTest('freed memory reads zeros and may be freed again', (t) => {
  const memory = Memory.anonymous(4_096);
  memory.u8.fill(1);
  memory.free();
  memory.free();
  t.is(memory.u8[0], 0);
  memory.u8[0] = 1;
  t.is(memory.u8[0], 1, 'writing is harmless');
});

uringTest('an address is told in two halves', (t) => {
  t.deepEqual([lowHalf(0x7fff_8000_0010), highHalf(0x7fff_8000_0010)], [0x8000_0010, 0x7fff]);
});

uringTest('durations become seconds and nanoseconds', (t) => {
  const memory = Memory.anonymous(4_096);
  t.teardown(() => memory.free());
  t.is(writeTimespec(memory, timespecBytes, 2_500.25), memory.address + timespecBytes);
  t.deepEqual([...memory.u32.subarray(4, 8)], [2, 0, 500_250_000, 0]);
});
