import test from 'ava';
import { remember, type RememberedInput } from '../../director/remembered.ts';
import { health, service } from './fixtures.ts';

const listen = { host: '203.0.113.10', port: 9_000 };
const chat = service('chat', { listen });
const ids = ['b1@h', 'b2@h', 'b3@h'];
const memory = {
  modes: new Map(),
  eligible: new Map([['203.0.113.10:9000', new Set(['b1@h'])]]),
  dead: new Set(['b3@h']),
  balancers: ids.map((id) => ({ id, target: { id, probe: { kind: 'off' } } as const })),
};

function after(ageMs: number, up: readonly string[], change: Partial<RememberedInput> = {}) {
  const state = (id: string) => health(id, { state: up.includes(id) ? 'up' : 'unknown' });
  return remember({
    memories: [memory],
    present: ids,
    health: state,
    ageMs,
    eligibleMs: 3_000,
    deadMs: 10_000,
    ...change,
  });
}

test('who was eligible stays so until the time for a verdict is over', (t) => {
  t.deepEqual(
    ids.map((id) => after(2_999, []).wasEligible(chat, id)),
    [true, false, false],
  );
  t.false(after(3_000, ['b2@h']).wasEligible(chat, 'b1@h'));
  t.false(after(0, []).wasEligible(service('web', { listen: { ...listen, port: 80 } }), 'b1@h'));
});

test('as long as not one has answered, who was eligible stays so until it would be dead: the fault may be here', (t) => {
  t.true(after(9_999, []).wasEligible(chat, 'b1@h'));
  t.false(after(10_000, []).wasEligible(chat, 'b1@h'));
  t.true(after(2_999, [], { deadMs: 1_000 }).wasEligible(chat, 'b1@h'));
});

test('who was dead stays dead, and who does not come back in time is dead, unless that is most of them', (t) => {
  const dead = (ageMs: number, up: readonly string[]) => ids.filter((id) => after(ageMs, up).isDead(id));
  t.deepEqual(dead(0, []), ['b3@h']);
  t.deepEqual(dead(9_999, ['b2@h', 'b3@h']), ['b3@h']);
  t.deepEqual(dead(10_000, ['b2@h', 'b3@h']), ['b1@h', 'b3@h']);
  t.deepEqual(dead(10_000, ['b2@h']), ['b3@h']);
  t.deepEqual(dead(10_000, []), ['b3@h']);
});

test('balancers of an earlier cluster that the topology has no more are dead when those that it has are there', (t) => {
  const present = ['b4@h', 'b5@h'];
  const dead = (ageMs: number, up: readonly string[]) =>
    ids.filter((id) => after(ageMs, up, { present }).isDead(id));
  t.deepEqual(dead(9_999, present), ['b3@h']);
  t.deepEqual(dead(10_000, present), ids);
  t.deepEqual(dead(10_000, []), ['b3@h']);
});
