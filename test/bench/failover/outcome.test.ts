import test from 'ava';
import { outcomeOf, type ClientLine } from '../../../bench/failover/outcome.ts';

const came = (begunMs: number, tookMs: number, server: string | null): ClientLine => ({
  what: 'came',
  begunMs,
  tookMs,
  server,
});
const ended = (server: string, atMs: number): ClientLine => ({ what: 'ended', server, atMs });

test('the outcome counts from the event: who was told when, who was affected, who lost without reason', (t) => {
  const lines: ClientLine[] = [
    { what: 'ready', servers: { b1: 3, b2: 2 } },
    came(900, 5_000, null),
    came(1_100, 20, 'b2'),
    came(1_200, 5_000, null),
    came(1_300, 1_500, 'b2'),
    came(1_400, 1_000, 'b2'),
    ended('b1', 1_050),
    ended('b1', 1_250),
    ended('b2', 1_300),
  ];
  t.deepEqual(outcomeOf(lines, 'b1', 1_000), {
    bereaved: 3,
    told: 2,
    toldMs: [50, 250, 250],
    othersLost: 1,
    failed: 1,
    failures: { unknown: 1 },
    affectedUntilMs: 300,
    slowestMs: 5_000,
  });
});

test('when nobody is told and nobody comes, that is said', (t) => {
  t.deepEqual(outcomeOf([{ what: 'ready', servers: {} }], 'b1', 0), {
    bereaved: 0,
    told: 0,
    toldMs: undefined,
    othersLost: 0,
    failed: 0,
    failures: {},
    affectedUntilMs: 0,
    slowestMs: 0,
  });
});
