import test from 'ava';
import { AdminLimit } from '../../node/admin-limit.ts';
import { ManualClock } from '../manual-clock.ts';

function admitted(limit: AdminLimit, remote: string, times: number): number {
  let count = 0;
  for (let asked = 0; asked < times; asked++) {
    try {
      limit.admit(remote);
      count++;
    } catch {
      // Counted by its absence.
    }
  }
  return count;
}

test('an address may ask 200 times at once and 50 times a second, and does not use up what others may', (t) => {
  const clock = new ManualClock();
  const limit = new AdminLimit(clock);
  t.is(admitted(limit, '10.0.0.1', 300), 200);
  t.is(limit.refused, 100);
  t.is(admitted(limit, '10.0.0.2', 10), 10);
  clock.advance(1_000);
  t.is(admitted(limit, '10.0.0.1', 300), 50);
  t.throws(() => limit.admit('10.0.0.1'), { code: 'HEADGATE_NODE_ASKED_TOO_OFTEN' });
});
