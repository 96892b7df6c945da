import test from 'ava';
import fc from 'fast-check';
import { Room, type RoomTiming } from '../../chatserver-stub/room.ts';

const never: RoomTiming = { soon: () => undefined, later: () => undefined };

test('everybody hears what is said while they are there, in order, and nobody what they said themselves', (t) => {
  const step = fc.oneof(
    fc.record({ kind: fc.constantFrom('add', 'remove', 'say', 'say'), who: fc.nat(3) }),
    fc.constant({ kind: 'flush', who: 0 }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const room = new Room(never);
      const heard = ['', '', '', ''];
      const wanted: string[] = ['', '', '', ''];
      const listeners = heard.map((_, who) => ({
        send: (bytes: Buffer) => void (heard[who] += bytes.toString()),
      }));
      const present = new Set<number>();
      /** What waits for the flush; who leaves before it does not hear it. */
      let waiting = ['', '', '', ''];
      const flush = (): void => {
        room.flush();
        for (const who of present) wanted[who] = `${wanted[who]}${waiting[who]}`;
        waiting = ['', '', '', ''];
      };
      for (const [index, { kind, who }] of steps.entries()) {
        const listener = listeners[who]!;
        if (kind === 'add' && !present.has(who)) {
          present.add(who);
          room.add(listener);
        } else if (kind === 'remove') {
          present.delete(who);
          room.remove(listener);
          waiting[who] = '';
        } else if (kind === 'say') {
          room.broadcast(Buffer.from(`${index};`), listener, index % 2 === 0);
          for (const other of present) if (other !== who) waiting[other] = `${waiting[other]}${index};`;
        } else if (kind === 'flush') flush();
      }
      flush();
      t.deepEqual(heard, wanted);
    }),
  );
});

test('one buffer serves everybody who hears the same', (t) => {
  const room = new Room(never);
  const got: Buffer[] = [];
  for (let listener = 0; listener < 3; listener++) room.add({ send: (bytes) => void got.push(bytes) });
  room.broadcast(Buffer.from('one\n'));
  room.broadcast(Buffer.from('two\n'));
  room.flush();
  t.is(got.length, 3);
  t.is(new Set(got).size, 1);
});

test('what is said leaves soon and takes along, in order, what could have waited', (t) => {
  const soon: (() => void)[] = [];
  const later: (() => void)[] = [];
  const room = new Room({ soon: (run) => void soon.push(run), later: (run) => void later.push(run) });
  const heard: string[] = [];
  room.add({ send: (bytes) => void heard.push(bytes.toString()) });
  room.broadcast(Buffer.from('1'), undefined, true);
  room.broadcast(Buffer.from('2'), undefined, true);
  t.deepEqual([soon.length, later.length], [0, 1]);
  room.broadcast(Buffer.from('3'));
  room.broadcast(Buffer.from('4'));
  room.broadcast(Buffer.from('5'), undefined, true);
  t.deepEqual([soon.length, later.length], [1, 1]);
  soon[0]!();
  t.deepEqual(heard, ['12345']);
  later[0]!();
  room.broadcast(Buffer.from('6'), undefined, true);
  later[1]!();
  t.deepEqual(heard, ['12345', '6']);
});
