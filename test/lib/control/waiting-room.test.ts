import net from 'node:net';
import test from 'ava';
import { WaitingRoom } from '../../../lib/control/waiting-room.ts';
import { ManualClock } from '../../manual-clock.ts';

test('a full room turns out the oldest, and each has only so long', (t) => {
  const clock = new ManualClock();
  const out: [net.Socket, string][] = [];
  const room = new WaitingRoom(clock, 2, 3_000, (socket, why) => out.push([socket, why]));
  const [first, second, third] = [new net.Socket(), new net.Socket(), new net.Socket()];
  room.enter(first);
  clock.advance(1_000);
  room.enter(second);
  room.enter(third);
  t.deepEqual(out, [[first, 'room']]);
  t.true(first.destroyed);
  room.leave(second);
  clock.advance(3_000);
  t.deepEqual(out.slice(1), [[third, 'timeout']]);
  t.false(second.destroyed);
  t.is(clock.pending, 0);
});
