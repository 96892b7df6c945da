/** What happens next to the soaked cluster: a pure choice by the world and the seed. */
import type { SeededRandom } from '../seeded-random.ts';
import {
  algorithms,
  allBalancers,
  allChatservers,
  takersOf,
  type Forwarding,
  type Members,
  type World,
} from './world.ts';

/** Something that happens to the cluster. Those with `world` change the topology file to it. */
export type Step =
  | { readonly do: 'change'; readonly what: string; readonly world: World }
  | { readonly do: 'break-file'; readonly line: string }
  | { readonly do: 'reload'; readonly node: string }
  | { readonly do: 'kill-balancer' | 'kill-worker'; readonly node: string }
  | { readonly do: 'kill-director'; readonly awayMs: number }
  | { readonly do: 'pause' | 'cut-off'; readonly node: string; readonly forMs: number }
  | { readonly do: 'new-crowd' };

/** Lives through the whole soak, so that its memory is watched for as long. */
const spared = 'b1';
/** So many of each tier take new connections at any time: one may be killed, and another is there. */
const fewestTakers = 2;
const brokenLines = [
  'balancer: {}',
  'version: 2',
  'heartbeat: { interval: soon }',
  '  c9: { address: 10.81.2.1 }',
  '\tservices: [',
  'secret: *nobody',
  'directors: {}',
];

type Choice = (world: World, random: SeededRandom, modes: readonly Forwarding[]) => Step | undefined;
type TierKey = 'balancers' | 'chatservers';

const choices: readonly (readonly [weight: number, choice: Choice])[] = [
  [5, changeMembers('balancers', allBalancers)],
  [4, changeMembers('chatservers', allChatservers)],
  [
    1,
    (world, random) =>
      change(`algorithm ${world.algorithm}`, { ...world, algorithm: random.pick(algorithms) }),
  ],
  [
    3,
    (world, random, modes) => {
      const others = modes.filter((mode) => mode !== world.forwarding);
      if (others.length === 0) return undefined;
      const forwarding = random.pick(others);
      return change(`forwarding ${forwarding}`, { ...world, forwarding });
    },
  ],
  [2, (_, random) => ({ do: 'break-file', line: random.pick(brokenLines) })],
  [1, (world, random) => ({ do: 'reload', node: random.pick(['d1', ...nodesOf(world)]) })],
  [
    2,
    ({ balancers }, random) => ({
      do: random.pick(['kill-balancer', 'kill-balancer', 'kill-worker']),
      node: random.pick(Object.keys(balancers).filter((name) => name !== spared)),
    }),
  ],
  [
    3,
    ({ forwarding }, random) =>
      forwarding === 'proxy' ? undefined : { do: 'kill-director', awayMs: random.whole(0, 8_000) },
  ],
  [
    3,
    (world, random) => ({
      do: 'pause',
      node: random.pick(['d1', ...nodesOf(world)]),
      forMs: random.whole(100, 6_000),
    }),
  ],
  [
    2,
    (world, random) => ({
      do: 'cut-off',
      node: random.pick(['d1', ...nodesOf(world)]),
      forMs: random.whole(100, 6_000),
    }),
  ],
  [2, () => ({ do: 'new-crowd' })],
];
const total = choices.reduce((sum, [weight]) => sum + weight, 0);

/** The next step; `modes` are the ways of forwarding that work here. */
export function nextStep(world: World, random: SeededRandom, modes: readonly Forwarding[]): Step {
  for (;;) {
    let at = random.whole(0, total - 1);
    const [, choice] = choices.find(([weight]) => (at -= weight) < 0)!;
    const step = choice(world, random, modes);
    if (step !== undefined) return step;
  }
}

function nodesOf({ balancers, chatservers }: World): string[] {
  return [...Object.keys(balancers), ...Object.keys(chatservers)];
}

function change(what: string, world: World): Step {
  return { do: 'change', what, world };
}

function changeMembers(tier: TierKey, all: readonly string[]): Choice {
  return (world, random) => {
    const members = world[tier];
    const name = random.pick(all);
    const [what, becomes] = changed(members, name, random);
    if (takersOf(becomes).length < fewestTakers) return undefined;
    return change(`${what} ${name}`, { ...world, [tier]: becomes });
  };
}

function changed(members: Members, name: string, random: SeededRandom): [what: string, Members] {
  const member = members[name];
  if (member === undefined) return ['add', { ...members, [name]: { state: 'active', weight: 1 } }];
  const how = random.pick(['state', 'weight', 'remove'] as const);
  if (how === 'weight') {
    const weight = random.whole(0, 5);
    return [`weight ${weight}`, { ...members, [name]: { ...member, weight } }];
  }
  if (how === 'state' || name === spared) {
    const state = member.state === 'active' ? 'drain' : 'active';
    return [state, { ...members, [name]: { ...member, state } }];
  }
  const { [name]: _gone, ...others } = members;
  return ['remove', others];
}
