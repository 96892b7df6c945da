import { symlink } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isRunning, runProgram, startProgram, type Output } from '../processes.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { testUnless } from '../test-unless.ts';
import { until } from '../until.ts';
import { createLab, probeLab, type Lab } from './index.ts';
import { listNamespaces } from './namespaces.ts';

const labTest = testUnless(probeLab());

/** A server that says hello to whoever connects, on every address of its host. */
const greeter = [
  process.execPath,
  '-e',
  `require('node:net').createServer((socket) => socket.end('hello ' + socket.remoteAddress)).listen(7000, '::', () => console.log('listening'))`,
];

/** Connects from `host` and prints what the greeter says, or the error. */
function greet(
  lab: Lab,
  host: string,
  address: string,
  { localAddress = '', timeoutMs = 20_000 } = {},
): Promise<Output> {
  const options = JSON.stringify({
    host: address,
    port: 7000,
    timeout: timeoutMs,
    ...(localAddress === '' ? {} : { localAddress }),
  });
  return lab.exec(host, [
    process.execPath,
    '-e',
    `const socket = require('node:net').connect(${options});
     socket.on('data', (data) => console.log(data.toString().replace('::ffff:', '')));
     socket.on('timeout', () => { console.log('silence'); process.exit(); });
     socket.on('error', (error) => { console.log(error.code); process.exit(); });`,
  ]);
}

labTest('hosts reach each other over IPv4 and IPv6 and see the caller’s own address', async (t) => {
  const lab = await createLab(t, {
    hosts: { client: ['10.77.0.10', '10.77.0.11', 'fd77::10'], b1: ['10.77.1.1', 'fd77::1:1'] },
  });
  const server = await lab.spawn('b1', greeter);
  await server.line(/listening/);
  const answers = await Promise.all([
    greet(lab, 'client', '10.77.1.1'),
    greet(lab, 'client', '10.77.1.1', { localAddress: '10.77.0.11' }),
    greet(lab, 'client', 'fd77::1:1'),
    greet(lab, 'b1', '127.0.0.1'),
    greet(lab, 'client', '127.0.0.1'),
  ]);
  t.deepEqual(
    answers.map((answer) => answer.stdout.trim()),
    ['hello 10.77.0.10', 'hello 10.77.0.11', 'hello fd77::10', 'hello 127.0.0.1', 'ECONNREFUSED'],
  );
});

labTest('the pid of a spawned program is its own, in the network namespace of its host', async (t) => {
  const lab = await createLab(t, { hosts: { b1: ['10.77.1.1'] } });
  const program = await lab.spawn('b1', ['sh', '-c', 'echo $$; read end']);
  t.is(Number((await program.line(/\d+/)).text), program.pid);
  const pids = await runProgram(['ip', 'netns', 'pids', lab.namespace('b1')]);
  t.is(Number(pids.stdout), program.pid);
});

labTest('a host that is cut off is silent until it is healed; one whose cable is out sees it', async (t) => {
  const lab = await createLab(t, { hosts: { client: ['10.77.0.10'], b1: ['10.77.1.1'] } });
  const server = await lab.spawn('b1', greeter);
  await server.line(/listening/);
  const carrier = async (): Promise<string> => {
    return (await lab.exec('b1', ['cat', '/sys/class/net/eth0/carrier'])).stdout.trim();
  };
  const silence = async (): Promise<string> => {
    return (await greet(lab, 'client', '10.77.1.1', { timeoutMs: 300 })).stdout.trim();
  };
  const greeted = (): Promise<string> => {
    return until(
      async () => /hello.*/.exec((await greet(lab, 'client', '10.77.1.1', { timeoutMs: 1_000 })).stdout)?.[0],
      {
        describe: 'b1 to answer the client',
      },
    );
  };
  t.is(await greeted(), 'hello 10.77.0.10');

  await lab.cutOff('b1');
  t.is(await silence(), 'silence');
  t.is(await carrier(), '1');
  await lab.heal('b1');
  t.is(await greeted(), 'hello 10.77.0.10');

  await lab.unplug('b1');
  t.is(await silence(), 'silence');
  t.is(await carrier(), '0');
  await lab.plug('b1');
  t.is(await greeted(), 'hello 10.77.0.10');
});

labTest('an address can be added and removed, and sysctls are the host’s own', async (t) => {
  const range = 'net.ipv4.ip_local_port_range';
  const lab = await createLab(t, {
    hosts: { director: ['10.77.0.1'], client: ['10.77.0.10'] },
    sysctls: { [range]: '20000 29999' },
  });
  const addresses = async (): Promise<string> => {
    return (await lab.exec('director', ['ip', '-o', 'addr', 'show', 'eth0'])).stdout;
  };
  await lab.addAddress('director', '203.0.113.10/32');
  await lab.addAddress('director', 'fd77::9');
  t.regex(await addresses(), /203\.0\.113\.10\/32[^]*fd77::9\/64/);
  await lab.removeAddress('director', '203.0.113.10/32');
  t.notRegex(await addresses(), /203\.0\.113\.10/);

  await lab.sysctl('client', range, '30000 39999');
  const read = async (host: string): Promise<string> => {
    const { stdout } = await lab.exec(host, ['cat', `/proc/sys/${range.replaceAll('.', '/')}`]);
    return stdout.trim().replace(/\s+/, ' ');
  };
  t.deepEqual([await read('director'), await read('client')], ['20000 29999', '30000 39999']);
});

labTest('an address that is none is an error with the command that refused it', async (t) => {
  await t.throwsAsync(createLab(t, { hosts: { b1: ['10.77.1.999'] } }), { message: /10\.77\.1\.999/ });
  await t.throwsAsync(createLab(t, { hosts: { net: ['10.77.1.1'] } }), { message: /bridge/ });
});

labTest('closing a lab ends every process on its hosts, also those nobody waits for', async (t) => {
  const lab = await createLab(t, { hosts: { b1: ['10.77.1.1'] } });
  const { stdout } = await lab.exec('b1', ['sh', '-c', 'setsid sleep 1000 >/dev/null 2>&1 & echo $!']);
  const pid = Number(stdout);
  t.true(isRunning(pid));
  await lab.close();
  await until(() => !isRunning(pid), { describe: `process ${pid} of the lab to be gone` });
  t.false(listNamespaces().includes(lab.namespace('b1')));
});

labTest('what a killed test process left behind is removed when the next lab is made', async (t) => {
  const tester = await startProgram(
    t,
    node(`${makeLab} console.log('pid', process.pid); setInterval(() => {}, 1e6);`),
  );
  await tester.line(/^pid/);
  t.is(namespacesOf(tester.pid).length, 2);
  tester.signal('SIGKILL');
  await tester.exited;
  await createLab(t, { hosts: {} });
  t.deepEqual(namespacesOf(tester.pid), []);
});

labTest('a test process that exits, throws or gets SIGTERM removes its lab', async (t) => {
  const endings = [
    'process.exit(1)',
    `setTimeout(() => { throw new Error('lost'); }, 1)`,
    `process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1e6)`,
  ];
  for (const ending of endings) {
    const { stdout, code } = await runProgram(node(`${makeLab} console.log(process.pid); ${ending};`));
    t.not(code, 0);
    t.regex(stdout, /^\d+\n/);
    t.deepEqual(namespacesOf(Number.parseInt(stdout)), [], ending);
  }
});

labTest('a failing test run leaves nothing behind', async (t) => {
  const project = await temporaryFolder(t, {
    'package.json': JSON.stringify({ type: 'module', ava: { workerThreads: false } }),
    'failing.test.js': `
      import test from 'ava';
      test('fails with a lab and a program in it', async (t) => {
        ${makeLab.replace('{ teardown() {} }', 't')}
        const program = await lab.spawn('b1', ['sh', '-c', 'sleep 1000 & echo $!; wait']);
        const { text } = await program.line(/\\d+/);
        t.log('made=' + process.pid + ',' + program.pid + ',' + text);
        t.fail();
      });`,
  });
  const modules = fileURLToPath(new URL('../../../node_modules', import.meta.url));
  await symlink(modules, path.join(project, 'node_modules'));
  const ava = path.join(modules, 'ava/entrypoints/cli.mjs');
  const { stdout, code } = await runProgram([process.execPath, ava], { cwd: project });
  t.is(code, 1, stdout);
  const made = /made=(\d+),(\d+),(\d+)/.exec(stdout)?.slice(1).map(Number) ?? [];
  t.is(made.length, 3, stdout);
  t.deepEqual(namespacesOf(made[0]!), []);
  for (const pid of made.slice(1)) {
    await until(() => !isRunning(pid), { describe: `process ${pid} of the failed test to be gone` });
  }
});

labTest('labs of parallel processes do not disturb each other', async (t) => {
  const script = `${makeLab} const answer = await lab.exec('b1', ['ip', '-o', 'addr', 'show', 'eth0']); console.log(/10.77.1.1/.test(answer.stdout));`;
  const outputs = await Promise.all([1, 2, 3].map(() => runProgram(node(script))));
  t.deepEqual(
    outputs.map(({ stdout, stderr }) => stdout + stderr),
    ['true\n', 'true\n', 'true\n'],
  );
});

/** Script that makes a lab with one host and, deliberately, no teardown. */
const makeLab = `
  const { createLab } = await import(${JSON.stringify(new URL('./index.js', import.meta.url).href)});
  const lab = await createLab({ teardown() {} }, { hosts: { b1: ['10.77.1.1'] } });`;

function node(script: string): string[] {
  return [process.execPath, '--input-type=module', '-e', script];
}

function namespacesOf(pid: number): string[] {
  return listNamespaces().filter((name) => name.startsWith(`hg-${pid}-`));
}
