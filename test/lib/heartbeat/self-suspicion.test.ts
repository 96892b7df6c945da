import test from 'ava';
import { suspectsItself } from '../../../lib/heartbeat/self-suspicion.ts';

const up = { health: 'up', silent: false, dead: false } as const;
const unknown = { health: 'unknown', silent: false, dead: false } as const;
const silent = { health: 'down', silent: true, dead: false } as const;
const refused = { health: 'down', silent: false, dead: false } as const;
const dead = { health: 'down', silent: true, dead: true } as const;

const cases: readonly (readonly [
  title: string,
  tier: Parameters<typeof suspectsItself>[0],
  expected: boolean,
])[] = [
  ['two of three silent are more than half', [silent, silent, up], true],
  ['one of three silent is not', [silent, up, up], false],
  ['two of four silent are just half', [silent, silent, up, up], false],
  ['all of two silent may well be so', [silent, silent], false],
  ['an empty tier is never suspicious', [], false],
  ['refusals are an answer, not silence', [refused, refused, silent], false],
  ['the dead fell earlier, not together with the others', [dead, dead, silent], false],
  ['those never up yet belong to the tier', [unknown, unknown, silent, silent], false],
  ['three of five silent', [silent, silent, silent, unknown, dead], true],
];

for (const [title, tier, expected] of cases) {
  test(title, (t) => t.is(suspectsItself(tier), expected));
}
