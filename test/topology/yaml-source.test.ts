import test from 'ava';
import { formatProblem } from '../../topology/index.ts';
import { problems, sampleText, sampleWith, valid } from './sample.ts';

test('aliases work for settings that several nodes share', (t) => {
  const text = sampleWith(
    '{ address: 10.0.2.1:7000 }',
    '{ address: 10.0.2.1:7000, heartbeat: &probe { probe: tcp } }',
  ).replace('{ address: 10.0.2.2:7000 }', '{ address: 10.0.2.2:7000, heartbeat: *probe }');
  t.deepEqual(
    valid(text).chatservers.map(({ probe }) => probe),
    [{ kind: 'tcp' }, { kind: 'tcp' }],
  );
});

test('a bomb of aliases is refused', (t) => {
  let bomb = 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n';
  for (let level = 1; level < 9; level++) {
    const list = Array.from({ length: 10 }, () => `*a${level - 1}`).join(', ');
    bomb += `a${level}: &a${level} [${list}]\n`;
  }
  t.true(problems(bomb + sampleText).some(({ message }) => message.includes('aliases expanded')));
});

test('an alias that contains itself is refused', (t) => {
  const told = problems(sampleWith('{ host: 10.0.1.1 }', '&b { host: 10.0.1.1, heartbeat: *b }')).map(
    formatProblem,
  );
  t.true(
    told.some((line) => line.includes('aliases expanded')),
    told.join('\n'),
  );
});

test('deep nesting is refused without exhausting the stack', (t) => {
  const lines = Array.from({ length: 2_000 }, (_, depth) => `${' '.repeat(depth)}a:\n`);
  for (const [text, line, column] of [
    ['['.repeat(50_000), 1, 64],
    [`a: ${'['.repeat(20_000)}${']'.repeat(20_000)}`, 1, 66],
    ['{a: '.repeat(3_000), 1, 253],
    ['- '.repeat(20_000), 1, 127],
    [lines.join(''), 64, 64],
  ] as const) {
    const [told, ...more] = problems(text);
    t.deepEqual([told?.message, more], ['nested too deep: expected at most 32 levels, got more', []]);
    t.deepEqual([told?.line, told?.column], [line, column], text.slice(0, 20));
  }
  t.true(problems('[[[['.repeat(10) + ']]]]'.repeat(10)).length > 0);
});

test('a file of more than 4 MiB is refused', (t) => {
  t.is(problems('#'.repeat(4_194_305))[0]?.code, 'HEADGATE_TOPOLOGY_TOO_LARGE');
});

test('what is not YAML is told at its line, also when what could not be parsed goes over several', (t) => {
  const told = problems(
    'version: 1\nservices:\n  a:\n    x: 1\n  }  forwarding: dr\n    buffer: 1MiB\nend: 1\n',
  );
  const places = told.map(({ line, column }) => `${line}:${column}`);
  t.deepEqual(places.slice(0, 6), ['5:3', '5:6', '5:16', '5:18', '6:11', '6:13']);
});

test('very many problems are counted instead of listed', (t) => {
  const many = Array.from({ length: 500 }, (_, index) => `k${index}: 1`).join('\n');
  const told = problems(`${sampleText}${many}\n`);
  t.is(told.length, 201);
  t.is(told.at(-1)?.message, '300 more problems from here on');
});

test('tags that the library knows by itself are refused like others, also where they are all there is', (t) => {
  const told = (text: string): string => problems(text).map(formatProblem).join();
  t.regex(told('!!binary -1'), /YAML tag/);
  t.regex(told(sampleWith('cluster: chat', 'cluster: !!binary aGk=')), /^t\.yaml:2:\d+.*YAML tag/);
  t.regex(told(sampleWith('cluster: chat', 'cluster: !!timestamp 2026-01-01')), /YAML tag/);
  t.is(valid(sampleWith('cluster: chat', 'cluster: !!str 12')).cluster, '12');
});

test('a tag, a %YAML directive and a byte order mark change no meaning', (t) => {
  t.regex(problems(sampleWith('cluster: chat', 'cluster: !name chat')).map(formatProblem).join(), /YAML tag/);
  t.is(valid(`%YAML 1.1\n---\n${sampleText}`).hash, valid(sampleText).hash);
  t.is(valid(`\u{feff}${sampleText}`).hash, valid(sampleText).hash);
  t.is(valid(sampleText.replaceAll('\n', '\r\n')).hash, valid(sampleText).hash);
});
