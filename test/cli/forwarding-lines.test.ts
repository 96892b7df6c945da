import test from 'ava';
import { forwardingLines } from '../../cli/forwarding-lines.ts';
import type { NodeAnswer } from '../../node/index.ts';

/** A director whose second plane holds these flows. */
function director(confirmed: number, capacity: number): NodeAnswer {
  const planes = [{ plane: 'proxy' }, { plane: 'raw', flows: { confirmed, unconfirmed: 1, capacity } }];
  return {
    node: 'd1',
    status: { forwarding: { planes, services: [] }, counters: {} },
  } as unknown as NodeAnswer;
}

test('how full the flow table is, also where there is no room at all', (t) => {
  t.is(
    forwardingLines([director(1, 8)])[1],
    'director d1: proxy; raw, 1 of 8 flows confirmed (12.5 %), 1 not',
  );
  t.is(
    forwardingLines([director(0, 0)])[1],
    'director d1: proxy; raw, 0 of 0 flows confirmed (0.0 %), 1 not',
  );
});
