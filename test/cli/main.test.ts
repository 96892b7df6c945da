import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Readable, Writable } from 'node:stream';
import test from 'ava';
import type { CommandIo } from '../../cli/command.ts';
import { commands } from '../../cli/commands.ts';
import { runCommand } from '../../cli/main.ts';
import { version } from '../../node/index.ts';
import { headgate } from '../cluster.ts';
import { runProgram, type Output } from '../processes.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { testUnless } from '../test-unless.ts';
import { sampleText } from '../topology/sample.ts';

const example = fileURLToPath(new URL('../../../examples/local/topology.yaml', import.meta.url));

interface Told {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Told> {
  let out = '';
  let err = '';
  const io: CommandIo = {
    out: (text) => void (out += `${text}\n`),
    err: (text) => void (err += `${text}\n`),
    stdin: Readable.from([]),
    stdout: new Writable({ write: (_chunk, _encoding, done) => done() }),
    env,
    signal: new AbortController().signal,
  };
  return { code: await runCommand(args, io), out, err };
}

test('every command has a summary, and help with a usage line and an example that names it', async (t) => {
  for (const { name, summary } of commands) {
    t.regex(summary, /^[a-z].*[^.]$/, name);
    const { code, out } = await run([...name.split(' '), '--help']);
    t.is(code, 0, name);
    t.regex(out, new RegExp(`^usage: headgate ${name}\\b`, 'i'), name);
    t.regex(out, new RegExp(`examples?:\\s+(npx )?headgate ${name}\\b`, 'i'), name);
  }
});

test('without a command, and with --help, all commands are listed', async (t) => {
  const { code, out } = await run([]);
  t.is(code, 2);
  for (const { name, summary } of commands) t.true(out.includes(name) && out.includes(summary), name);
  t.is((await run(['--help'])).code, 0);
  t.deepEqual(await run(['--version']), { code: 0, out: `headgate ${version}\n`, err: '' });
});

test('a family of commands lists its members', async (t) => {
  const { code, out } = await run(['topology']);
  t.is(code, 2);
  t.regex(out, /headgate topology check/);
  t.is((await run(['topology', '--help'])).code, 0);
});

test('a mistyped command is told with what was meant, and exit code 2', async (t) => {
  t.deepEqual(await run(['statsu']), {
    code: 2,
    out: '',
    err: 'headgate: no command "statsu"; did you mean status?\n',
  });
  t.regex(
    (await run(['topology', 'chekc'])).err,
    /no command "topology chekc"; did you mean topology check\?/,
  );
  t.regex((await run(['xyzzy'])).err, /run headgate --help/);
});

for (const [args, says] of [
  [['status', '--wathc'], /unknown option '--wathc'/],
  [['status', 'x'], /unexpected argument x/],
  [['explain'], /expected one client as IP:PORT, got none; write it as 198\.51\.100\.7:40123/],
  [['explain', 'localhost:80'], /expected one client as IP:PORT/],
  [['director'], /which topology\?; give --topology FILE or set HEADGATE_TOPOLOGY/],
  [['balancer', '--topology', 'f', '--grace', '30'], /--grace 30: expected a duration such as/],
  [
    ['balancer', '--topology', 'f', '--grace', '600h'],
    /--grace 600h: expected a duration .* from 0ms to 24h;/,
  ],
  [
    ['balancer', '--topology', 'f', '--grace', '-5s'],
    /^headgate: --grace -5s: expected a duration such as 500ms, 30s, 5m, from 0ms to 24h; /,
  ],
  [['balancer', '--grace', '--node', 'b1'], /^headgate: --grace has no value; write --grace=VALUE where /],
  [
    ['topology', 'drain', 'b1', 'f', '--deadline', '-3s'],
    /^headgate: --deadline -3s: expected a duration such as 500ms, 30s, 5m, from 0ms to 8760h; /,
  ],
  [['topology', '-x'], /^headgate: unknown option '-x'; run headgate topology --help/],
  [['topology', 'apply', 'none.yaml', '--watch', '5x'], /^headgate: --watch 5x: expected a duration/],
  [['topology', 'drain', 'b1', 'none.yaml', '--watch', '5x'], /^headgate: --watch 5x: expected/],
  [['topology', 'drain', 'zz', example], /has no node zz; /],
  [['topology', 'set-weight', 'd1', '3', example], /d1 is a director, which has no weight; /],
  [['topology', 'add', 'balancer', 'b1', '--host', '127.0.9.9', example], /has a balancer b1 already; /],
  [
    ['topology', 'add', 'balancer', 'b9', '--host', '127.0.9.9', '--service', 'zz', example],
    /has no service zz; /,
  ],
  [['chat', '127.0.0.1:0', '--name', 'a'], /"127\.0\.0\.1:0" is not an address with a port; /],
  [['chat', '127.0.0.1:9', '--name', 'a b'], /1 to 32 visible characters/],
  [['chat', '127.0.0.1:9', '--name', '--x'], /^headgate: --name has no value; /],
  [['topology', 'drain', 'b1', 'f', '--deadline', '9000h'], /--deadline 9000h: expected .* to 8760h;/],
  [
    ['chatserver-stub', '--topology', 'f', '--push-interval', '0s'],
    /--push-interval 0s: expected .* from 1ms/,
  ],
  [
    ['balancer', '--topology', 'f', '--log-level', 'loud'],
    /--log-level loud: expected debug, info, warn, error/,
  ],
  [['chatserver-stub', '--topology', 'f', '--push-interval'], /--push-interval : expected a duration/],
  [['up', 'f', '--log-level', 'loud'], /--log-level loud: expected debug, info, warn, error/],
  [['up'], /expected one topology file, got 0/],
] as const)
  test(`usage error of one line, exit code 2: headgate ${args.join(' ')}`, async (t) => {
    const { code, out, err } = await run(args);
    t.is(code, 2);
    t.is(out, '');
    t.regex(err, says);
    t.is(err.trim().split('\n').length, 1);
  });

test('a topology that cannot be read or is invalid is exit code 2, whoever meets it', async (t) => {
  const folder = await temporaryFolder(t, { 'bad.yaml': 'version: 1\n' });
  for (const args of [
    ['up', `${folder}/none.yaml`],
    ['up', `${folder}/bad.yaml`],
    ['director', '--topology', `${folder}/bad.yaml`],
    ['status', '--topology', `${folder}/bad.yaml`],
  ]) {
    const { code, err } = await run(args);
    t.is(code, 2, args.join(' '));
    t.is(err.trim().split('\n').length, 1);
  }
});

test('without a node on this machine status says so and what to do, exit code 1', async (t) => {
  const folder = await temporaryFolder(t);
  const { code, err } = await run(['status'], { HEADGATE_RUNTIME_DIR: folder });
  t.is(code, 1);
  t.regex(
    err,
    /no headgate node of yours runs on this machine; start one, or name the cluster with --topology FILE/,
  );
});

test('a Node that is too old is told so in one line', async (t) => {
  const folder = await temporaryFolder(t, {
    'old.cjs': "Object.defineProperty(process.versions, 'node', { value: '18.20.1' });",
  });
  const bin = fileURLToPath(new URL('../../../bin/headgate.js', import.meta.url));
  const { code, stdout, stderr } = await runProgram([
    process.execPath,
    '--require',
    `${folder}/old.cjs`,
    bin,
  ]);
  t.is(code, 2);
  t.is(stdout, '');
  t.is(stderr, 'headgate: Node 18.20.1 is too old; install Node 20.19 or newer\n');
});

test('a limit of open files that is too low is told in one line with the cure, also where there is no /proc', async (t) => {
  const folder = await temporaryFolder(t, {
    'no-proc.cjs': `const fs = require('node:fs');
      const { readFileSync } = fs;
      fs.readFileSync = (path, ...rest) => readFileSync(path === '/proc/self/limits' ? '/none' : path, ...rest);
      require('node:module').syncBuiltinESMExports();`,
  });
  const [node, bin] = headgate as [string, string];
  for (const files of [20, 64, 128])
    for (const options of [[], ['--require', `${folder}/no-proc.cjs`]]) {
      const limited = ['sh', '-c', `ulimit -n ${files}; exec "$0" "$@"`, node, ...options, bin, '--version'];
      const { code, stdout, stderr } = await runProgram(limited);
      t.deepEqual({ code, stdout }, { code: 2, stdout: '' });
      t.is(stderr, `headgate: only ${files} files may be open; raise ulimit -n to at least 256\n`);
    }
});

test('with the least open files every command can be loaded', async (t) => {
  for (const command of ['director', 'balancer', 'up', 'status', 'topology apply']) {
    const argv = [...headgate, ...command.split(' '), '--help'];
    const { code, stderr } = await runProgram(['sh', '-c', 'ulimit -n 256; exec "$0" "$@"', ...argv]);
    t.deepEqual({ code, stderr }, { code: 0, stderr: '' }, command);
  }
});

test('a program that cannot be loaded is told in one line', async (t) => {
  const folder = await temporaryFolder(t, {
    'package.json': '{ "type": "module" }',
    'bin/headgate.js': await readFile(headgate[1]!, 'utf8'),
  });
  const { code, stderr } = await runProgram([headgate[0]!, `${folder}/bin/headgate.js`, '--version']);
  t.is(code, 1);
  t.regex(stderr, /^headgate: the program cannot be loaded: Cannot find module '\S+main\.js' .*\n$/);
});

const devFull = '/dev/full';
const noDevFull = existsSync(devFull) ? undefined : `there is no ${devFull}`;

/** Runs headgate with these outputs, as a shell writes them. */
function runInto(outputs: string, args: readonly string[]): Promise<Output> {
  return runProgram(['sh', '-c', `exec "$0" "$@" ${outputs}`, ...headgate, ...args]);
}

for (const args of [
  ['--help'],
  ['status', '--help'],
  ['topology', 'show', example],
  ['topology', 'check', example],
])
  testUnless(noDevFull)(
    `output that cannot be written is one line and exit code 1: ${args.slice(0, 2).join(' ')}`,
    async (t) => {
      const { code, stderr } = await runInto(`> ${devFull}`, args);
      t.is(code, 1);
      t.is(stderr, 'headgate: cannot write to standard output: ENOSPC: no space left on device, write\n');
    },
  );

testUnless(noDevFull)('what changes something is done also when its output cannot be written', async (t) => {
  const file = `${await temporaryFolder(t, { 'topology.yaml': sampleText })}/topology.yaml`;
  const args = ['topology', 'drain', 'b2', '--deadline', '1h', '--file-only', file];
  const { code, stderr } = await runInto(`> ${devFull}`, args);
  t.is(code, 1);
  t.regex(stderr, /^headgate: cannot write to standard output: .*\n$/);
  t.regex(await readFile(file, 'utf8'), /drainUntil/);
});

testUnless(noDevFull)('errors that cannot be written change no exit code', async (t) => {
  t.is((await runInto(`2> ${devFull}`, ['statsu'])).code, 2);
  t.is((await runInto(`> ${devFull} 2>&1`, ['--help'])).code, 1);
  t.is((await runInto(`2> ${devFull}`, ['--help'])).code, 0);
});
