/** What a seed decides: the same each time, and always something that may happen. */
import test from 'ava';
import { nextStep, type Step } from '../../soak/cluster/steps.ts';
import { firstWorld, forwardings, specOf, takersOf, type World } from '../../soak/cluster/world.ts';
import { modelRows } from '../../soak/model.ts';
import { SeededRandom } from '../../soak/seeded-random.ts';
import { brokenFiles } from '../../soak/topology.ts';
import { mutate } from '../fuzz/mutate.ts';
import { loaderOn } from '../fuzz/topology.ts';
import { problems, sampleText } from '../topology/sample.ts';

function stepsOf(seed: number, count: number): { readonly step: Step; readonly world: World }[] {
  const random = new SeededRandom(seed);
  let world = firstWorld;
  return Array.from({ length: count }, () => {
    const step = nextStep(world, random, forwardings);
    if (step.do === 'change') world = step.world;
    return { step, world };
  });
}

test('the same seed makes the same steps, another makes others', (t) => {
  t.deepEqual(stepsOf(5, 200), stepsOf(5, 200));
  t.notDeepEqual(stepsOf(5, 200), stepsOf(6, 200));
});

test('every kind of step comes, and two nodes of each tier take new connections whatever comes', (t) => {
  const steps = stepsOf(1, 2_000);
  t.is(new Set(steps.map(({ step }) => step.do)).size, 9);
  t.is(new Set(steps.map(({ world }) => world.forwarding)).size, 4);
  for (const { world } of steps) {
    t.true(takersOf(world.balancers).length >= 2);
    t.true(takersOf(world.chatservers).length >= 2);
  }
});

test('nobody is killed, stopped or cut off who is not in the topology, and b1 is spared', (t) => {
  for (const { step, world } of stepsOf(2, 2_000)) {
    if (!('node' in step)) continue;
    t.true(['d1', ...Object.keys(world.balancers), ...Object.keys(world.chatservers)].includes(step.node));
    if (step.do === 'kill-balancer' || step.do === 'kill-worker') t.not(step.node, 'b1');
  }
});

test('without packets in the kernel the director is never killed and forwarding never changes', (t) => {
  const random = new SeededRandom(3);
  for (let count = 0; count < 1_000; count++) {
    const step = nextStep(firstWorld, random, ['proxy']);
    t.not(step.do, 'kill-director');
    if (step.do === 'change') t.is(step.world.forwarding, 'proxy');
  }
});

test('the topology file has what the world has', (t) => {
  const { balancers, chatservers, services } = specOf({
    ...firstWorld,
    forwarding: 'tun',
    balancers: { b2: { state: 'drain', weight: 3 } },
  });
  t.deepEqual(balancers, { b2: { host: '10.81.1.2', workers: 1, state: 'drain', weight: 3 } });
  t.like(chatservers['c1'], { address: '10.81.2.1:7000', state: 'active', weight: 1 });
  t.like(services['chat'], { forwarding: 'tun' });
});

test('the same seed breaks the same files in the same way', (t) => {
  const mutants = (seed: number): string[] => {
    const random = new SeededRandom(seed);
    return Array.from({ length: 50 }, () => mutate(sampleText, random));
  };
  t.deepEqual(mutants(9), mutants(9));
  t.notDeepEqual(mutants(9), mutants(10));
  t.true(mutants(9).some((mutant) => mutant !== sampleText && problems.length > 0));
  const first = (seed: number): string[] => [...brokenFiles(seed)].slice(0, 100);
  t.deepEqual(first(4), first(4));
});

test('the loader stands a few hundred broken files', (t) => {
  let count = 0;
  for (const text of brokenFiles(1)) {
    t.is(loaderOn(text).wrong, undefined, text);
    if (++count === 300) break;
  }
});

test('the same seed makes the same packets in the same states', (t) => {
  const first = (seed: number) => modelRows(seed).next().value;
  t.deepEqual(first(11), first(11));
  t.notDeepEqual(first(11), first(12));
});
