import test from 'ava';
import { createPacketSender } from '../../director/packet-sender.ts';
import { HeadgateError } from '../../lib/errors/index.ts';
import { ManualClock } from '../manual-clock.ts';

test('a family whose socket cannot be opened fails for itself, is told once, and is tried again each second', (t) => {
  const clock = new ManualClock();
  const sent: string[] = [];
  const told: string[] = [];
  let tries = 0;
  let isAllowed = false;
  const sender = createPacketSender({
    clock,
    onUnavailable: ({ message }) => told.push(message),
    open: (family) => {
      if (family === 6) tries++;
      if (family === 6 && !isAllowed) throw new HeadgateError('HEADGATE_RAW_SOCKET_FAILED', 'not now');
      return {
        send: (_packet, to) => {
          sent.push(to);
          return 'sent';
        },
        close: () => undefined,
      };
    },
  });
  const send = (to: string) => sender.send(new Uint8Array(20), to);
  t.deepEqual([send('2001:db8::7'), send('198.51.100.7'), send('2001:db8::7')], ['failed', 'sent', 'failed']);
  t.is(tries, 1);
  clock.advance(1_000);
  t.is(send('2001:db8::7'), 'failed');
  t.deepEqual([tries, told], [2, ['not now']]);
  isAllowed = true;
  clock.advance(1_000);
  t.is(send('2001:db8::7'), 'sent');
  t.deepEqual(sent, ['198.51.100.7', '2001:db8::7']);
  sender.close();
  t.is(send('198.51.100.7'), 'closed');
});
