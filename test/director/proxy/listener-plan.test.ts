import test from 'ava';
import fc from 'fast-check';
import { planListeners, type ListenerState } from '../../../director/proxy/listener-plan.ts';

const settings: ListenerState['settings'] = {
  acceptProxy: 'off',
  connectTimeoutMs: 1_000,
  keepaliveMs: 1_000,
  userTimeoutMs: 1_000,
  bufferBytes: 65_536,
};
const at = (name: string, port: number, host = '127.0.0.1'): ListenerState => ({
  name,
  listen: { host, port },
  settings,
});
const nothing = { close: [], open: [], update: [] };

test('what already listens is left alone', (t) => {
  t.deepEqual(planListeners([at('a', 1), at('b', 2)], [at('b', 2), at('a', 1)]), nothing);
});

test('new services are opened, removed ones closed, changed settings updated', (t) => {
  const changed = { ...at('b', 2), settings: { ...settings, connectTimeoutMs: 9 } };
  const plan = planListeners([at('a', 1), at('b', 2)], [changed, at('c', 3)]);
  t.deepEqual(plan, { close: ['a'], open: [at('c', 3)], update: [changed] });
});

test('a service that moves keeps its old listener until the new one listens', (t) => {
  t.deepEqual(planListeners([at('a', 1)], [at('a', 2)]), { ...nothing, open: [at('a', 2)] });
});

test('listeners that stand in the way are closed first: places swapped, one address widened to all', (t) => {
  const swap = planListeners([at('a', 1), at('b', 2)], [at('a', 2), at('b', 1)]);
  t.deepEqual(swap, { close: ['a', 'b'], open: [at('a', 2), at('b', 1)], update: [] });
  for (const any of ['0.0.0.0', '::']) {
    t.deepEqual(planListeners([at('a', 1)], [at('a', 1, any)]).close, ['a']);
    t.deepEqual(planListeners([at('a', 1, any)], [at('a', 1)]).close, ['a']);
  }
});

test('after any plan exactly the wanted services listen, where and how they are wanted', (t) => {
  const set = fc.uniqueArray(
    fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd'), port: fc.nat(3), timeout: fc.nat(1) }),
    { selector: ({ name }) => name },
  );
  const states = set
    .filter((all) => new Set(all.map(({ port }) => port)).size === all.length)
    .map((all) =>
      all.map(({ name, port, timeout }) => ({
        ...at(name, port),
        settings: { ...settings, connectTimeoutMs: timeout },
      })),
    );
  fc.assert(
    fc.property(states, states, (running, wanted) => {
      const plan = planListeners(running, wanted);
      const open = new Map(running.map((state) => [state.name, state]));
      for (const name of plan.close) t.true(open.delete(name));
      for (const state of plan.open) {
        const taken = [...open.values()].some(({ listen }) => listen.port === state.listen.port);
        t.false(taken, 'no listener is opened where another still listens');
        open.set(state.name, state);
      }
      for (const state of plan.update) open.set(state.name, state);
      const byName = (one: ListenerState, other: ListenerState): number => (one.name < other.name ? -1 : 1);
      t.deepEqual([...open.values()].sort(byName), [...wanted].sort(byName));
    }),
  );
});
