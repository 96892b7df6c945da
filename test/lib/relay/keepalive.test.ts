import test from 'ava';
import { keepaliveIdleMs } from '../../../lib/relay/keepalive.ts';

const idle = (keepaliveMs: number, userTimeoutMs: number): number =>
  keepaliveIdleMs({ keepaliveMs, userTimeoutMs });

test('ten probes fit between the first one, however late the timer wheel lets it come, and the user timeout', (t) => {
  t.is(idle(300_000, 300_000), 257_000);
  t.is(idle(300_000, 60_000), 44_000);
  t.is(idle(100_000, 300_000), 100_000);
  for (let userTimeoutMs = 12_000; userTimeoutMs <= 3_600_000; userTimeoutMs += 1_000)
    t.true((idle(Infinity, userTimeoutMs) * 9) / 8 + 10_000 <= userTimeoutMs, `${userTimeoutMs}`);
});

test('without a user timeout the idle time stays, and none means no probes', (t) => {
  t.is(idle(300_000, 0), 300_000);
  t.is(idle(0, 300_000), 0);
  t.is(idle(300_000, 500), 1_000);
});
