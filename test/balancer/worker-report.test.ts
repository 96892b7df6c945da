import test from 'ava';
import fc from 'fast-check';
import { CounterTotals } from '../../balancer/counter-totals.ts';
import { ReportWriter } from '../../balancer/worker-report.ts';

const gauges = { connections: 0, services: {}, full: false };

test('a report tells changes, and there is none when nothing changed', (t) => {
  const writer = new ReportWriter();
  t.like(writer.next({ ...gauges, counters: { accepted: 2 } }), {
    connections: 0,
    counters: { accepted: 2 },
  });
  t.is(writer.next({ ...gauges, counters: { accepted: 2 } }), undefined);
  t.deepEqual(writer.next({ ...gauges, counters: { accepted: 5 } })?.counters, { accepted: 3 });
  for (const change of [{ connections: 1 }, { connections: 1, services: { chat: 1 } }, { full: true }]) {
    t.like(writer.next({ ...gauges, ...change, counters: { accepted: 5 } }), { ...change, counters: {} });
  }
});

test('who came and left is told at once, what else was counted when counters are due', (t) => {
  const writer = new ReportWriter();
  writer.next({ ...gauges, counters: { accepted: 2, bytesUp: 1 } });
  t.is(writer.next({ ...gauges, counters: { accepted: 2, bytesUp: 9 } }, false), undefined);
  t.deepEqual(writer.next({ ...gauges, counters: { accepted: 3, bytesUp: 9 } }, false)?.counters, {
    accepted: 1,
    bytesUp: 8,
  });
});

test('the totals of several workers over any number of reports are the sums of what they counted', (t) => {
  const counts = fc.dictionary(fc.constantFrom('accepted', 'bytesUp', 'refusedFull'), fc.nat(1_000));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(2), counts), { maxLength: 50 }), (steps) => {
      const totals = new CounterTotals();
      const workers = [0, 1, 2].map(() => ({
        writer: new ReportWriter(),
        counters: {} as Record<string, number>,
      }));
      for (const [index, growth] of steps) {
        const worker = workers[index]!;
        const counters = { ...worker.counters };
        for (const [name, by] of Object.entries(growth)) counters[name] = (counters[name] ?? 0) + by;
        worker.counters = counters;
        totals.add(worker.writer.next({ ...gauges, counters })?.counters ?? {});
      }
      for (const name of ['accepted', 'bytesUp', 'refusedFull']) {
        t.is(
          totals.get(name),
          workers.reduce((sum, { counters }) => sum + (counters[name] ?? 0), 0),
        );
      }
    }),
  );
});

test('a worker cannot fill the memory with names of counters', (t) => {
  const totals = new CounterTotals();
  for (let index = 0; index < 1_000; index++) totals.add({ [`counter${index}`]: 1, accepted: 1 });
  t.true(Object.keys(totals.all()).length <= 101);
  t.is(totals.get('accepted'), 1_000);
});
