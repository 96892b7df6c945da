import test from 'ava';
import { namespaceName, parseNamespaceName, staleNamespaces } from './names.ts';

test('a namespace carries the pid of its test, the number of the lab and the host', (t) => {
  const name = { pid: 4711, number: 2, host: 'b1' };
  t.is(namespaceName(name), 'hg-4711-2-b1');
  t.deepEqual(parseNamespaceName('hg-4711-2-b1'), name);
});

test('a host whose name would not be read back is refused', (t) => {
  t.throws(() => namespaceName({ pid: 1, number: 1, host: 'b-1' }), { message: /lower-case/ });
});

test('stale are the labs whose process is gone, never what is not a lab', (t) => {
  const names = ['hg-1-1-a', 'hg-2-1-a', 'hg-2-1-net', 'vpn', 'hg-x', 'hg-2-1-a-b', 'my-hg-2-1-a'];
  t.deepEqual(
    staleNamespaces(names, (pid) => pid === 1),
    ['hg-2-1-a', 'hg-2-1-net'],
  );
});
