import test from 'ava';
import { readFile } from 'node:fs/promises';
import { sampleText } from '../topology/sample.ts';
import { run, topologyFile } from './topology-io.ts';

const text = `# on top\n${sampleText}# at the end\n`;

/** Command, arguments, what it says, and the line that is changed or added. */
const edits: readonly (readonly [string, readonly string[], string, string])[] = [
  [
    'add',
    ['balancer', 'b3', '--host', '10.0.1.3'],
    'balancer b3 added at 10.0.1.3',
    '  b3: { host: 10.0.1.3 }',
  ],
  [
    'add',
    ['balancer', 'b3', '--host', '10.0.1.3', '--port', '81', '--control', '82', '--weight', '0'],
    'balancer b3 added at 10.0.1.3',
    '  b3: { host: 10.0.1.3, port: 81, control: 82, weight: 0 }',
  ],
  [
    'add',
    ['chatserver', '--address=10.0.2.4:7000', 'c4', '--probe', 'tcp', '--max-connections', '9', '--backup'],
    'chatserver c4 added at 10.0.2.4:7000',
    '  c4: { address: 10.0.2.4:7000, heartbeat: { probe: tcp }, maxConnections: 9, backup: true }',
  ],
  [
    'add',
    ['director', 'd2', '--host', '10.0.0.2', '--control', '7500'],
    'director d2 added at 10.0.0.2',
    '  d2: { host: 10.0.0.2, control: 7500 }',
  ],
  ['drain', ['b2'], 'b2 drains', '  b2: { host: 10.0.1.2, state: drain }'],
  ['set-weight', ['c2', '3'], 'c2 has weight 3', '  c2: { address: 10.0.2.2:7000, weight: 3 }'],
];

for (const [command, args, said, line] of edits) {
  test(`${command} ${args.join(' ')} changes one line and says so`, async (t) => {
    const file = await topologyFile(t, text);
    t.deepEqual(await run(`topology ${command}`, [...args, '--file-only', file]), {
      exitCode: 0,
      out: `${file}: ${said}`,
      err: '',
    });
    const lines = (await readFile(file, 'utf8')).split('\n');
    t.deepEqual(
      lines.filter((each) => !text.split('\n').includes(each)),
      [line],
    );
    t.true(lines.length - text.split('\n').length <= 1);
  });
}

test('a file that begins with a byte order mark is edited, and keeps it', async (t) => {
  const file = await topologyFile(t, `\uFEFF${text}`);
  t.deepEqual(await run('topology set-weight', ['c2', '3', '--file-only', file]), {
    exitCode: 0,
    out: `${file}: c2 has weight 3`,
    err: '',
  });
  t.is(await readFile(file, 'utf8'), `\uFEFF${text.replace('2:7000 }', '2:7000, weight: 3 }')}`);
});

test('remove takes a node away and says so', async (t) => {
  const file = await topologyFile(t, text);
  t.is((await run('topology remove', ['b2', '--file-only', file])).out, `${file}: b2 removed`);
  t.is(await readFile(file, 'utf8'), text.replace('  b2: { host: 10.0.1.2 }\n', ''));
});

test('drain --deadline writes the moment in UTC, and undrain takes it away', async (t) => {
  const file = await topologyFile(t, text);
  const beforeMs = Date.now();
  const { out } = await run('topology drain', ['b2', '--deadline', '30m', '--file-only', file]);
  const [, moment = ''] = /b2 drains until (\S+)$/.exec(out) ?? [];
  t.true(Math.abs(Date.parse(moment) - beforeMs - 1_800_000) < 60_000, out);
  t.true(
    (await readFile(file, 'utf8')).includes(`b2: { host: 10.0.1.2, state: drain, drainUntil: ${moment} }`),
  );
  await run('topology undrain', ['b2', '--file-only', file]);
  t.is(await readFile(file, 'utf8'), text);
});

test('undrain brings the file back to what it was before drain', async (t) => {
  const file = await topologyFile(t, text);
  await run('topology drain', ['b2', '--file-only', file]);
  const undrain = () => run('topology undrain', ['b2', '--file-only', file]);
  t.is((await undrain()).out, `${file}: b2 is active`);
  t.is(await readFile(file, 'utf8'), text);
  t.is((await undrain()).out, `${file}: nothing to change: b2 is active already`);
});

test('what would make the topology invalid is refused with its problems, and the file stays', async (t) => {
  const file = await topologyFile(t, text);
  const { exitCode, err } = await run('topology add', ['balancer', 'b3', '--host', '10.0.1.1', file]);
  t.is(exitCode, 2);
  t.regex(
    err,
    /:14:3: balancers\.b3\.port: expected an address and port .*\n.*control: .*\n.*: nothing changed: the result would be invalid$/,
  );
  t.is(await readFile(file, 'utf8'), text);
});

test('a file that is invalid already is not edited', async (t) => {
  const file = await topologyFile(t, text.replace('version: 1', 'version: ['));
  const { exitCode, err } = await run('topology drain', ['b2', file]);
  t.is(exitCode, 2);
  t.regex(err, /: nothing changed: the file is invalid$/);
});

test('warnings about the result are shown', async (t) => {
  const file = await topologyFile(t, text);
  await run('topology drain', ['b1', '--file-only', file]);
  const { exitCode, err } = await run('topology drain', ['b2', '--file-only', file]);
  t.is(exitCode, 0);
  t.regex(err, /^warning: .*every balancer of this service is draining/);
});

test('mistakes on the command line are told with what to write', async (t) => {
  const file = await topologyFile(t, text);
  const told: readonly (readonly [string, readonly string[], RegExp])[] = [
    [
      'add',
      [],
      /^HEADGATE_CLI_USAGE: add what\? got ""; write add director, add balancer or add chatserver$/,
    ],
    ['add', ['balancer', '--host', '::1'], /NAME missing/],
    ['add', ['balancer', 'b3', file], /--host missing/],
    ['add', ['director', 'd2', '--host', '::1', '--weight', '3', file], /a director has no --weight/],
    ['add', ['balancer', 'b3', '--host', '::1', '--port', 'x', file], /--port is "x", not a whole number/],
    ['set-weight', ['b2', 'heavy', file], /WEIGHT is "heavy", not a whole number/],
    ['set-weight', [], /NAME and WEIGHT missing/],
    ['set-weight', ['b2', file], /^HEADGATE_CLI_USAGE: WEIGHT missing;/],
    ['set-weight', [file], /^HEADGATE_CLI_USAGE: NAME and WEIGHT missing;/],
    ['set-weight', ['b2', 'etcd://h1:2379/key'], /^HEADGATE_CLI_USAGE: WEIGHT missing;/],
    ['set-weight', ['b2', '3'], /^HEADGATE_CLI_USAGE: FILE missing;/],
    ['set-weight', ['b2', '-1', file], /WEIGHT is "-1", not a whole number/],
    ['add', ['balancer', '--host', '::1', 'topology.yml'], /^HEADGATE_CLI_USAGE: NAME missing;/],
    ['drain', ['b22', file], /^HEADGATE_TOPOLOGY_NO_SUCH_NODE: .* has no node b22; did you mean b2\?$/],
    ['drain', ['d1', file], /^HEADGATE_TOPOLOGY_NO_SUCH_NODE: d1 is a director, which has no state/],
  ];
  for (const [command, args, message] of told) {
    const { exitCode, err } = await run(`topology ${command}`, args);
    t.is(exitCode, -1);
    t.regex(err, message);
  }
  t.is(await readFile(file, 'utf8'), text);
});
