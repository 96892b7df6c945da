import { execFileSync } from 'node:child_process';
import test from 'ava';
import {
  countPorts,
  ephemeralPorts,
  errnoName,
  getrlimitNofile,
  somaxconn,
  syscallError,
} from '../../../lib/linux/index.ts';

const linuxTest = process.platform === 'linux' ? test : test.skip;

linuxTest('the limit of open files is the one the shell tells', (t) => {
  const shell = (flag: string): string =>
    execFileSync('sh', ['-c', `ulimit ${flag} -n`], { encoding: 'utf8' }).trim();
  const number = (text: string): number => (text === 'unlimited' ? Infinity : Number(text));
  t.deepEqual(getrlimitNofile(), { soft: number(shell('-S')), hard: number(shell('-H')) });
});

linuxTest('somaxconn is a positive number', (t) => {
  t.true((somaxconn() ?? 0) > 0);
});

linuxTest('a failed system call is told by call, subject, meaning and code', (t) => {
  const error = syscallError('bind', 13, '127.0.0.1:80');
  t.is(error.message, 'bind 127.0.0.1:80: permission denied (EACCES)');
  t.deepEqual(error.facts, { errno: 13, code: 'EACCES', call: 'bind' });
  t.is(error.code, 'HEADGATE_LINUX_SYSCALL');
});

linuxTest('an errno nobody knows is told by number', (t) => {
  t.is(errnoName(9_999), 'errno 9999');
  t.is(syscallError('frob', 9_999).message, 'frob: failed (errno 9999)');
});

test('ephemeral ports are those of the range that nobody reserved', (t) => {
  t.is(countPorts('32768\t60999\n', '\n'), 28_232);
  t.is(countPorts('40000 40009', '40002,40005-40007,39990-40000,50000'), 5);
  t.is(countPorts('40000 40000', ''), 1);
  t.is(countPorts('', ''), undefined);
});

linuxTest('the number of ephemeral ports can be asked for', (t) => {
  const ports = ephemeralPorts() ?? 0;
  t.true(ports > 0 && ports <= 65_536);
});
