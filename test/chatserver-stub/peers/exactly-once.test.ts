import test from 'ava';
import fc from 'fast-check';
import { Inbox } from '../../../chatserver-stub/peers/inbox.ts';
import { Outbox } from '../../../chatserver-stub/peers/outbox.ts';
import type { PeerEvent } from '../../../chatserver-stub/peers/peer-events.ts';

const say = (text: string): PeerEvent => ({ kind: 'say', from: 'ann', session: 's', text, id: null });
const tell = (to: string): PeerEvent => ({
  kind: 'tell',
  from: 'ann',
  to,
  session: 's',
  text: 'psst',
  id: null,
});

function receiver(silentMs = 1_000): { inbox: Inbox; heard: string[]; people: string[][] } {
  const heard: string[] = [];
  const people: string[][] = [];
  const inbox = new Inbox({
    incarnation: 'receiver',
    silentMs: () => silentMs,
    closedMs: 100,
    overflow: () => undefined,
    delivery: {
      people: (_origin, _node, all) => void people.push(all.map(({ name }) => name)),
      event(_origin, _node, event) {
        if (event.kind === 'say') heard.push(event.text);
        return event.kind !== 'tell' || event.to === 'bob';
      },
    },
  });
  return { inbox, heard, people };
}

test('whatever requests and answers are lost, events arrive once and in order', (t) => {
  const step = fc.constantFrom('publish', 'exchange', 'request lost', 'answer lost', 'new connection');
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), fc.integer({ min: 1, max: 5 }), (steps, batch) => {
      const { inbox, heard } = receiver();
      const outbox = new Outbox({ mostEvents: 1_000, mostBytes: 1_000_000 });
      let published = 0;
      let settled = 0;
      let connection = 1;
      let told = false;
      const exchange = (answerLost: boolean): void => {
        if (!told) {
          inbox.people({ incarnation: 'a', part: 0, last: true, base: outbox.base, people: [] }, 0);
          told = !answerLost;
          return;
        }
        const events = outbox.batch(batch, 1_000_000);
        const answer = inbox.events({ incarnation: 'a', from: outbox.base + 1, events }, 0);
        t.false(answer.resync);
        if (!answerLost) outbox.acknowledge(answer.taken, answer.refused);
      };
      told = inbox.hello('c1', 'a', connection, 0).people;
      for (const kind of [...steps, ...Array<string>(120).fill('exchange')]) {
        if (kind === 'publish') {
          published += 1;
          outbox.push(say(String(published)), 10, () => void (settled += 1));
        } else if (kind === 'exchange') exchange(false);
        else if (kind === 'answer lost') exchange(true);
        else if (kind === 'new connection') {
          inbox.closed('a', connection, 0);
          connection += 1;
          told = inbox.hello('c1', 'a', connection, 0).people;
        }
      }
      t.deepEqual(
        heard,
        Array.from({ length: published }, (_, index) => String(index + 1)),
      );
      t.is(settled, published);
    }),
  );
});

test('a tell that found nobody is refused, also when the first answer was lost', (t) => {
  const { inbox } = receiver();
  inbox.hello('c1', 'a', 1, 0);
  inbox.people({ incarnation: 'a', part: 0, last: true, base: 0, people: [] }, 0);
  const batch = { incarnation: 'a', from: 1, events: [tell('bob'), tell('zoe')] };
  t.deepEqual(inbox.events(batch, 0), { taken: 2, refused: [2], resync: false });
  t.deepEqual(inbox.events({ ...batch, events: [...batch.events, tell('zoe')] }, 0), {
    taken: 3,
    refused: [2, 3],
    resync: false,
  });
  t.deepEqual(inbox.events({ incarnation: 'a', from: 4, events: [] }, 0).refused, []);
});

test('a peer that is silent is gone with its people, asked for them anew, and nothing is taken twice', (t) => {
  const { inbox, heard, people } = receiver(1_000);
  const ann = { name: 'ann', session: 's', sinceMs: 0, renewedMs: 0 };
  inbox.hello('c1', 'a', 1, 0);
  inbox.people({ incarnation: 'a', part: 0, last: true, base: 0, people: [ann] }, 0);
  inbox.events({ incarnation: 'a', from: 1, events: [say('1')] }, 0);
  inbox.sweep(999);
  t.deepEqual(people, [['ann']]);
  inbox.sweep(1_000);
  t.deepEqual(people, [['ann'], []]);
  t.true(inbox.events({ incarnation: 'a', from: 1, events: [say('1'), say('2')] }, 1_001).resync);
  inbox.people({ incarnation: 'a', part: 0, last: true, base: 0, people: [ann] }, 1_002);
  t.deepEqual(people.at(-1), ['ann']);
  inbox.events({ incarnation: 'a', from: 1, events: [say('1'), say('2')] }, 1_003);
  t.deepEqual(heard, ['1', '2']);
});

test('a peer whose connection ended is gone a little later, unless it comes back', (t) => {
  const { inbox, people } = receiver(10_000);
  inbox.hello('c1', 'a', 1, 0);
  inbox.people({ incarnation: 'a', part: 0, last: true, base: 0, people: [] }, 0);
  inbox.closed('a', 1, 50);
  t.true(inbox.hello('c1', 'a', 2, 60).people);
  inbox.sweep(200);
  t.is(people.length, 1);
  inbox.closed('a', 2, 200);
  inbox.sweep(299);
  t.is(people.length, 1);
  inbox.sweep(300);
  t.is(people.length, 2);
});

test('a gap in the numbers asks for a new start', (t) => {
  const { inbox, heard } = receiver();
  inbox.hello('c1', 'a', 1, 0);
  inbox.people({ incarnation: 'a', part: 0, last: true, base: 0, people: [] }, 0);
  t.true(inbox.events({ incarnation: 'a', from: 2, events: [say('2')] }, 0).resync);
  inbox.people({ incarnation: 'a', part: 0, last: true, base: 1, people: [] }, 0);
  t.false(inbox.events({ incarnation: 'a', from: 2, events: [say('2')] }, 0).resync);
  t.deepEqual(heard, ['2']);
});

test('a sender that was never greeted, or never told its people, is asked to', (t) => {
  const { inbox, heard } = receiver();
  t.true(inbox.events({ incarnation: 'stranger', from: 1, events: [say('1')] }, 0).resync);
  inbox.hello('c1', 'a', 1, 0);
  t.true(inbox.events({ incarnation: 'a', from: 1, events: [say('1')] }, 0).resync);
  t.deepEqual(heard, []);
});

test('processes of one node are bounded: the one not heard for longest is forgotten', (t) => {
  const { inbox } = receiver();
  for (let process = 0; process < 10; process++) inbox.hello('c1', `a${process}`, process, process);
  t.deepEqual(
    Array.from({ length: 10 }, (_, process) => inbox.knows(`a${process}`)),
    [false, false, false, false, false, false, true, true, true, true],
  );
});

test('an outbox that is full takes nothing, and giving up settles everything that waited', (t) => {
  const outbox = new Outbox({ mostEvents: 3, mostBytes: 25 });
  const fates: boolean[] = [];
  t.true(outbox.push(say('1'), 10, (taken) => void fates.push(taken)));
  t.true(outbox.push(say('2'), 10, (taken) => void fates.push(taken)));
  t.false(outbox.push(say('3'), 10));
  outbox.acknowledge(1);
  t.true(outbox.push(say('3'), 10));
  t.is(outbox.giveUp(), 2);
  t.deepEqual(fates, [true, false]);
  t.is(outbox.base, 3);
});

test('a batch is limited by number and by size, but never empty while something waits', (t) => {
  const outbox = new Outbox({ mostEvents: 10, mostBytes: 1_000 });
  for (let event = 1; event <= 5; event++) outbox.push(say(String(event)), 100);
  t.is(outbox.batch(2, 1_000).length, 2);
  t.is(outbox.batch(10, 250).length, 2);
  t.is(outbox.batch(10, 1).length, 1);
});
