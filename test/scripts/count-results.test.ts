import { symlink } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { countResults } from '../../scripts/count-results.ts';
import { runProgram } from '../processes.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const modules = fileURLToPath(new URL('../../../node_modules', import.meta.url));

const passing = `
> headgate@0.1.0 test
> ava

  ✔ until › resolves (101ms)
  ✔ until › rejects
  - [skip] lab › a lab (skipped: needs root)
  ─

  2 tests passed
  1 test skipped
`;

const failing = `
  ✔ until › resolves
worker says ✔ something
    ℹ   ✔ something logged
  ✘ [fail]: until › rejects lost
  ✔ until › another
  ─

  until › rejects

  lost: 7 tests passed

  ─

  1 test failed
  1 hook failed
  2 tests remained pending after a timeout
  1 unhandled rejection
  3 uncaught exceptions
`;

test('a passing run is counted from its closing lines', (t) => {
  t.deepEqual(countResults(passing, 0), { passed: 2, failed: 0, exitCode: 0 });
});

test('a failing run counts everything that went wrong, and the ticks of what passed', (t) => {
  t.deepEqual(countResults(failing, 1), { passed: 2, failed: 8, exitCode: 1 });
});

test('colours change nothing', (t) => {
  const coloured = passing.replace('2 tests passed', '\u001B[32m2 tests passed\u001B[39m');
  t.deepEqual(countResults(coloured, 0), { passed: 2, failed: 0, exitCode: 0 });
});

test('a run that failed without a failing test counts as one failure and keeps its exit code', (t) => {
  t.deepEqual(countResults('npm error could not start\n', 127), { passed: 0, failed: 1, exitCode: 127 });
  t.deepEqual(countResults(passing, 1), { passed: 2, failed: 1, exitCode: 1 });
});

test('a run without a single test is not a success', (t) => {
  t.is(countResults('', 0).exitCode, 1);
  t.is(countResults('  ─\n\n  3 tests skipped\n', 0).exitCode, 1);
});

test('a run that says it failed is not a success, whatever its exit code', (t) => {
  t.is(countResults(failing, 0).exitCode, 1);
});

const suites = {
  'one passes': { body: `test('a', (t) => t.pass());`, line: '1 passed, 0 failed' },
  'some fail': {
    body: `test('a', (t) => t.pass()); test('b', (t) => t.fail()); test('c', (t) => t.pass()); test.skip('d', (t) => t.pass());`,
    line: '2 passed, 1 failed',
  },
  'a hook fails': {
    body: `test('a', (t) => t.pass()); test.after((t) => { throw new Error('lost'); });`,
    line: '1 passed, 1 failed',
  },
  'an exception strays': {
    body: `test('a', async (t) => { t.pass(); setTimeout(() => { throw new Error('lost'); }); await new Promise(() => {}); });`,
    line: '0 passed, 1 failed',
  },
  'the file does not load': { body: `import './missing.js';`, line: '0 passed, 1 failed' },
  'all are skipped': { body: `test.skip('a', (t) => t.pass());`, line: '0 passed, 0 failed' },
};

for (const [title, { body, line }] of Object.entries(suites)) {
  test(`what ava really prints is counted: ${title}`, async (t) => {
    const project = await temporaryFolder(t, {
      'package.json': JSON.stringify({ type: 'module', ava: { workerThreads: false } }),
      'a.test.js': `import test from 'ava';\n${body}\n`,
    });
    await symlink(modules, path.join(project, 'node_modules'));
    const ava = await runProgram([process.execPath, path.join(modules, 'ava/entrypoints/cli.mjs')], {
      cwd: project,
    });
    const script = fileURLToPath(new URL('../../scripts/ci-count.js', import.meta.url));
    const counted = await runProgram([process.execPath, script, String(ava.code)], {
      input: ava.stdout + ava.stderr,
    });
    t.is(counted.stdout, `${line}\n`, ava.stdout + ava.stderr);
    t.is(counted.code === 0, line === '1 passed, 0 failed');
  });
}
