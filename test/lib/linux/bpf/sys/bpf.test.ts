import test from 'ava';
import { bpfSyscallNumber } from '../../../../../lib/linux/bpf/sys/bpf.ts';

test('the number of bpf(2) is known for x86-64 and arm64, and for no other', (t) => {
  t.is(bpfSyscallNumber('x64'), 321);
  t.is(bpfSyscallNumber('arm64'), 280);
  t.is(bpfSyscallNumber('riscv64'), undefined);
});
