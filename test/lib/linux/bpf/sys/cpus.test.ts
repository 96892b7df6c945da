import test from 'ava';
import { countCpus } from '../../../../../lib/linux/bpf/sys/cpus.ts';

test('lists of CPUs are counted', (t) => {
  t.is(countCpus('0\n'), 1);
  t.is(countCpus('0-3,8,10-11\n'), 7);
});
