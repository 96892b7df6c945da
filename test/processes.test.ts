import test from 'ava';
import {
  isRunning,
  outputOf,
  runProgram,
  runningPrograms,
  startProgram,
  type Teardown,
} from './processes.ts';
import { until } from './until.ts';

const node = (script: string): string[] => [process.execPath, '-e', script];

/** Stands in for ava's `t`, so that the end of the test can be played. */
function playedTest(): Teardown & { finish(): Promise<void> } {
  const steps: (() => void | Promise<void>)[] = [];
  return {
    teardown: (run) => void steps.unshift(run),
    async finish() {
      for (const step of steps) await step();
    },
  };
}

test('a line of either output is found, whether it came before or after the question', async (t) => {
  const program = await startProgram(t, ['sh', '-c', 'echo one; read go; echo "two $go" >&2; read end']);
  await program.line(/^one$/);
  t.is((await program.line(/one/)).index, 0);
  program.write('now');
  t.like(await program.line(/^two/), { from: 'stderr', text: 'two now', index: 1 });
});

test('lines before `from` do not count', async (t) => {
  const program = await startProgram(t, ['sh', '-c', 'echo beat; read go; echo beat; read end']);
  await program.line(/beat/);
  const from = program.nextLine;
  program.write('');
  t.is((await program.line(/beat/, { from })).index, 1);
});

test('a program that ends without the line is told with its exit code and last lines', async (t) => {
  const program = await startProgram(t, ['sh', '-c', 'echo port taken >&2; exit 3']);
  const error = await t.throwsAsync(program.line(/listening/));
  t.regex(error.message, /exit code 3\) without a line \/listening\/; its last lines:\n {2}port taken/);
  t.deepEqual(await program.exited, { code: 3, signal: null });
  t.throws(() => program.signal('SIGTERM'), { message: /it has ended/ });
});

test('the deadline of a line names the line', async (t) => {
  const program = await startProgram(t, ['sleep', '1000']);
  await t.throwsAsync(program.line(/never/, { timeoutMs: 10 }), {
    message: /no line \/never\/ within 10 ms/,
  });
});

test('a program that does not exist is an error', async (t) => {
  await t.throwsAsync(outputOf(['no-such-program-here']), { message: /no-such-program-here/ });
});

test('a signal reaches the program itself', async (t) => {
  const program = await startProgram(
    t,
    node(`process.on('SIGUSR2', () => console.log('told')); setInterval(() => {}, 1e6); console.log('up')`),
  );
  await program.line(/up/);
  program.signal('SIGUSR2');
  await program.line(/told/);
  program.signal('SIGKILL');
  t.deepEqual(await program.exited, { code: null, signal: 'SIGKILL' });
});

test('teardown ends the program and what it started, even stopped or without its parent', async (t) => {
  const played = playedTest();
  const program = await startProgram(played, ['sh', '-c', 'sleep 1000 & echo "child $!"; wait']);
  const child = Number((await program.line(/^child \d+/)).text.split(' ')[1]);
  process.kill(child, 'SIGSTOP');
  program.signal('SIGKILL');
  await program.exited;
  t.true(isRunning(child));
  await played.finish();
  await until(() => !isRunning(child), { describe: `the program's child ${child} to be gone` });
  t.false(runningPrograms().includes(program.pid));
});

test('a program dies with a test process that is killed', async (t) => {
  const helper = new URL('./processes.js', import.meta.url).href;
  const tester = await startProgram(t, [
    process.execPath,
    '--input-type=module',
    '-e',
    `const { startProgram } = await import(${JSON.stringify(helper)});
     const program = await startProgram({ teardown() {} }, ['sleep', '1000']);
     console.log('started', program.pid);
     setInterval(() => {}, 1e6);`,
  ]);
  const pid = Number((await tester.line(/^started/)).text.split(' ')[1]);
  t.true(isRunning(pid));
  tester.signal('SIGKILL');
  await until(() => !isRunning(pid), { describe: `program ${pid} to be gone` });
  t.pass();
});

test('a test process told to end by SIGTERM ends its programs', async (t) => {
  const helper = new URL('./processes.js', import.meta.url).href;
  const tester = await startProgram(t, [
    process.execPath,
    '--input-type=module',
    '-e',
    `const { startProgram } = await import(${JSON.stringify(helper)});
     const program = await startProgram({ teardown() {} }, ['sh', '-c', 'sleep 1000 & echo $!; wait']);
     console.log('started', (await program.line(/\\d+/)).text);
     setInterval(() => {}, 1e6);`,
  ]);
  const pid = Number((await tester.line(/^started/)).text.split(' ')[1]);
  tester.signal('SIGTERM');
  t.deepEqual(await tester.exited, { code: 143, signal: null });
  await until(() => !isRunning(pid), { describe: `the program's child ${pid} to be gone` });
});

test('a run program takes input and gives both outputs and its exit code', async (t) => {
  const output = await runProgram(['sh', '-c', 'cat; echo lost >&2; exit 4'], { input: 'hello' });
  t.deepEqual(output, { stdout: 'hello', stderr: 'lost\n', code: 4, signal: null });
  await t.throwsAsync(outputOf(['sh', '-c', 'echo lost >&2; exit 4']), { message: /exit code 4: lost$/ });
});

test('a run program that takes too long is killed', async (t) => {
  await t.throwsAsync(runProgram(['sleep', '1000'], { timeoutMs: 20 }), { message: /not done after 20 ms/ });
});
