import test from 'ava';
import { readFile } from 'node:fs/promises';
import { parseTopology } from '../../topology/index.ts';
import { sampleText, sampleWith, valid } from '../topology/sample.ts';
import { run, topologyFile } from './topology-io.ts';

test('a valid file is told in one line, with exit code 0', async (t) => {
  const file = await topologyFile(t, sampleText);
  t.deepEqual(await run('topology check', [file]), {
    exitCode: 0,
    out: `${file}: ok: cluster chat, 1 service, 1 director, 2 balancers, 2 chat servers, hash ${valid(sampleText).hash}`,
    err: '',
  });
});

test('all problems are told at once, with exit code 2', async (t) => {
  const file = await topologyFile(t, sampleWith('version: 1', 'version: 3').replace('10.0.1.2', 'b2'));
  const { exitCode, out, err } = await run('topology check', [file]);
  t.is(exitCode, 2);
  t.is(out, '');
  t.deepEqual(
    err.split('\n').map((line) => line.replace(file, 'FILE').split(': expected')[0]),
    ['FILE:1:10: version', 'FILE:12:15: balancers.b2.host'],
  );
});

test('warnings are shown beside a valid file', async (t) => {
  const file = await topologyFile(t, sampleText.replace(/^hashKey.*\n/m, ''));
  const { exitCode, err } = await run('topology check', [file]);
  t.is(exitCode, 0);
  t.true(err.startsWith(`warning: ${file}:2:1: cluster: no hashKey: `), err);
});

test('the file may come from the environment, and is asked for when it comes from nowhere', async (t) => {
  const file = await topologyFile(t, sampleText);
  t.is((await run('topology check', [], { HEADGATE_TOPOLOGY: file })).exitCode, 0);
  const asked = await run('topology check', []);
  t.is(
    asked.err,
    'HEADGATE_CLI_USAGE: FILE missing; give the topology file as the last argument, or set HEADGATE_TOPOLOGY',
  );
  t.regex((await run('topology check', [file, 'more'])).err, /"more" is one argument too many/);
  t.regex(
    (await run('topology check', ['--fast', file])).err,
    /^HEADGATE_CLI_USAGE: unknown option '--fast'; run the command with --help/,
  );
});

test('a missing file is a problem of the file', async (t) => {
  t.deepEqual(await run('topology check', ['/nonexistent/t.yaml']), {
    exitCode: 2,
    out: '',
    err: '/nonexistent/t.yaml:1:1: no such file',
  });
});

test('the example is valid and without warnings', async (t) => {
  const result = parseTopology(
    await readFile('examples/local/topology.yaml', 'utf8'),
    'examples/local/topology.yaml',
  );
  if (result.topology === undefined) return t.fail(JSON.stringify(result.problems));
  const { topology, warnings } = result;
  t.deepEqual(warnings, []);
  t.deepEqual(
    [topology.services, topology.directors, topology.balancers, topology.chatservers].map(
      (nodes) => nodes.length,
    ),
    [1, 1, 2, 3],
  );
});
