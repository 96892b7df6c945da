import test from 'ava';
import { flag, json, list, positive, readBenchOptions, text, whole } from '../../bench/options.ts';

const spec = {
  seconds: positive(1),
  rounds: whole(5),
  connections: whole(undefined, 100),
  only: list(['a', 'b', 'c']),
  mode: text('dr'),
  peers: flag,
  json,
};

test('a bench that is told nothing takes what is usual', (t) => {
  t.deepEqual(readBenchOptions(spec, []), {
    seconds: 1,
    rounds: 5,
    connections: undefined,
    only: undefined,
    mode: 'dr',
    peers: false,
    json: undefined,
  });
});

test('a bench reads numbers, lists, words and flags', (t) => {
  const args = '--seconds 0.5 --rounds 2 --connections 100 --only a,b --mode tun --peers --json x'.split(' ');
  t.deepEqual(readBenchOptions(spec, args), {
    seconds: 0.5,
    rounds: 2,
    connections: 100,
    only: ['a', 'b'],
    mode: 'tun',
    peers: true,
    json: 'x',
  });
});

for (const [args, message] of [
  ['--rounds many', '--rounds many: expected a whole number, at least 1'],
  ['--rounds 1.5', '--rounds 1.5: expected a whole number, at least 1'],
  ['--connections 99', '--connections 99: expected a whole number, at least 100'],
  ['--only a,d', '--only a,d: expected some of a, b, c, with commas between'],
  ['--seconds 0', '--seconds 0: expected a number above 0'],
] as const) {
  test(`a bench does not take ${args}`, (t) => {
    t.throws(() => readBenchOptions(spec, args.split(' ')), { message });
  });
}

test('a bench names an option it does not know', (t) => {
  t.throws(() => readBenchOptions(spec, ['--round', '1']), { message: /--round/ });
});
