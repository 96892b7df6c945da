import test from 'ava';
import fc from 'fast-check';
import { randomBytes } from 'node:crypto';
import type { ClusterSecrets } from '../../../topology/index.ts';
import { afterStep, idsOf, keyId, mayAdopt, phaseOf, steps } from '../../../node/rotation/keys.ts';

const old = randomBytes(32);
const fresh = randomBytes(32);
const third = randomBytes(32);

test('the three steps lead from one secret to the other, and each may be asked twice', (t) => {
  let held: ClusterSecrets = { presented: old };
  for (const [index, step] of steps.entries()) {
    t.is(phaseOf(idsOf(held), keyId(fresh)), index as 0 | 1 | 2);
    const next = afterStep(held, step, fresh)!;
    t.is(afterStep(next, step, fresh), next);
    held = next;
  }
  t.deepEqual(held, { presented: fresh });
});

test('a step before its time, or towards a third secret, is refused', (t) => {
  t.is(afterStep({ presented: old }, 'present', fresh), undefined);
  t.is(afterStep({ presented: old }, 'drop', fresh), undefined);
  t.is(afterStep({ presented: old, next: fresh }, 'accept', third), undefined);
  t.is(afterStep({ presented: fresh, previous: old }, 'accept', third), undefined);
  t.is(afterStep({ presented: old }, 'accept', keyId(fresh)), undefined, 'an id without its secret');
});

test('in every mix of two neighbouring phases each node accepts what the others present', (t) => {
  const phases = [
    { presented: old },
    { presented: old, next: fresh },
    { presented: fresh, previous: old },
    { presented: fresh },
  ];
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2 }),
      fc.array(fc.boolean(), { minLength: 2, maxLength: 8 }),
      (phase, ahead) => {
        const nodes = ahead.map((isAhead) => idsOf(phases[phase + (isAhead ? 1 : 0)]!));
        for (const one of nodes)
          for (const other of nodes) if (!Object.values(other).includes(one.presented)) return false;
        return true;
      },
    ),
  );
  t.pass();
});

test('only a place with a key in common is taken while the node runs', (t) => {
  t.true(mayAdopt({ presented: old }, { presented: old, next: fresh }));
  t.true(mayAdopt({ presented: old, next: fresh }, { presented: fresh, previous: old }));
  t.true(mayAdopt({ presented: fresh, previous: old }, { presented: fresh }));
  t.false(mayAdopt({ presented: old }, { presented: fresh }));
});
