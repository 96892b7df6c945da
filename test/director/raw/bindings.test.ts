import test from 'ava';
import fc from 'fast-check';
import { Bindings, type Binding } from '../../../director/raw/bindings.ts';
import { ipBytes } from '../../../lib/packet/index.ts';

const balancers = ['10.0.1.1', '10.0.1.2'].map((host) => ({ address: ipBytes(host), port: 9000 }));
const vip = { address: ipBytes('203.0.113.10'), port: 9000 };

function world(ports: number) {
  const evicted: string[] = [];
  let next = 24_000;
  const bindings = new Bindings({
    grow: () => (next < 24_000 + ports ? next++ : undefined),
    restTicks: 10,
    onEvict: ({ key }) => evicted.push(key),
  });
  const bind = (key: string, balancer = 0, tick = 0): Binding | undefined =>
    bindings.bind(
      { key, vip, client: { address: ipBytes('198.51.100.7'), port: 1 }, balancer: balancers[balancer]! },
      tick,
    );
  return { bindings, bind, evicted };
}

type Step =
  | { readonly do: 'bind'; readonly key: number; readonly balancer: number }
  | { readonly do: 'release' | 'hold' | 'free' | 'touch'; readonly key: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('bind' as const), key: fc.nat(20), balancer: fc.nat(1) }),
  },
  fc.record({ do: fc.constantFrom('release', 'hold', 'free', 'touch'), key: fc.nat(20) }),
);

test('whatever happens, a port stands for one flow per balancer, answers find their flow, and a held flow is never evicted', (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), fc.integer({ min: 1, max: 6 }), (steps, ports) => {
      const { bindings, bind, evicted } = world(ports);
      const held = new Set<string>();
      for (const [tick, one] of steps.entries()) {
        const key = String(one.key);
        const known = bindings.find(key);
        if (one.do === 'bind') {
          if (known !== undefined) continue;
          const before = evicted.length;
          const binding = bind(key, one.balancer, tick);
          for (const gone of evicted.slice(before)) t.false(held.has(gone));
          if (binding === undefined) {
            const here = [...held].filter(
              (other) => bindings.find(other)!.balancer === balancers[one.balancer],
            );
            t.is(here.length, ports, 'refused only when every port is held');
          }
        } else if (known !== undefined) {
          if (one.do === 'release') {
            bindings.release(key, tick);
            held.delete(key);
          } else if (one.do === 'touch') bindings.touch(known, tick);
          else {
            bindings.hold(known, one.do === 'hold');
            if (one.do === 'hold') held.add(key);
            else held.delete(key);
          }
        }
        const inUse = Array.from({ length: 21 }, (_, index) => bindings.find(String(index))).filter(
          (binding) => binding !== undefined,
        );
        t.is(
          new Set(inUse.map(({ port, balancer }) => `${port} ${balancer.address.join('.')}`)).size,
          inUse.length,
        );
        for (const binding of inUse) t.is(bindings.answer(binding.balancer, binding.port), binding);
        t.is(bindings.size, inUse.length);
        for (const name of held) t.truthy(bindings.find(name));
      }
    }),
    { numRuns: 200 },
  );
});

test('the same port stands for one client towards each balancer', (t) => {
  const { bindings, bind } = world(1);
  t.deepEqual([bind('a', 0)?.port, bind('b', 1)?.port], [24_000, 24_000]);
  t.is(bindings.answer(balancers[0]!, 24_000)?.key, 'a');
  t.is(bindings.answer(balancers[1]!, 24_000)?.key, 'b');
  t.is(bindings.answer({ ...balancers[1]!, port: 9001 }, 24_000), undefined);
});

test('a freed port rests while others are left, and is used when none is', (t) => {
  const { bindings, bind } = world(2);
  bind('a');
  bindings.release('a', 0);
  t.is(bind('b', 0, 5)?.port, 24_001);
  t.is(bind('c', 0, 5)?.port, 24_000);
  bindings.release('b', 6);
  t.is(bind('d', 0, 100)?.port, 24_001);
});

test('the flow that is silent longest makes room', (t) => {
  const { bindings, bind, evicted } = world(2);
  bind('a');
  bind('b');
  bindings.touch(bindings.find('a')!, 3);
  bind('c');
  t.deepEqual(evicted, ['b']);
});

test('an endpoint towards which no port is in use is forgotten when the last one has rested', (t) => {
  const { bindings, bind } = world(2);
  const endpoints = () => [...bindings.evictable()].length;
  bindings.hold(bind('a')!, true);
  bindings.tidy(1_000);
  t.is(endpoints(), 1);
  bindings.release('a', 1_000);
  bindings.tidy(1_010);
  t.is(endpoints(), 1);
  bindings.tidy(1_011);
  t.is(endpoints(), 0);
  t.is(bind('b', 0, 1_012)?.port, 24_000);
});
