import test from 'ava';
import {
  batchAvailable,
  boundedLoopsAvailable,
  bpfAvailable,
  helperAvailable,
  mapTypeAvailable,
  mapTypes,
  mmapAvailable,
  programTypeAvailable,
  type MapType,
} from '../../../../lib/linux/bpf/index.ts';
import { probe, probeOnce } from '../../../../lib/linux/bpf/probe/availability.ts';
import { bpfSyscallNumber } from '../../../../lib/linux/bpf/sys/bpf.ts';
import { countCpus } from '../../../../lib/linux/bpf/sys/cpus.ts';
import { readVerifierLog } from '../../../../lib/linux/bpf/program/index.ts';
import { HeadgateError } from '../../../../lib/errors/index.ts';
import { kernelTest } from './kernel-test.ts';

kernelTest('probes answer by trying, the same answer twice', (t) => {
  for (const type of Object.keys(mapTypes) as MapType[]) t.is(mapTypeAvailable(type), mapTypeAvailable(type));
  for (const ask of [bpfAvailable, mmapAvailable, batchAvailable, boundedLoopsAvailable]) t.is(ask(), ask());
  t.true(programTypeAvailable('xdp').available);
});

kernelTest('a helper is there for the programs it is made for, and not for others', (t) => {
  t.true(helperAvailable('xdp', 'xdpAdjustHead').available);
  t.true(helperAvailable('xdp', 'ktimeGetNs').available);
  t.like(helperAvailable('sched-cls', 'xdpAdjustHead'), {
    available: false,
    reason: 'this kernel has no bpf_xdp_adjust_head for programs of type sched-cls',
  });
  t.true(helperAvailable('sched-cls', 'l4CsumReplace').available);
});

test('a probe remembers, tells reason and cure, and lets faults through', (t) => {
  let runs = 0;
  const no = () => {
    runs += 1;
    throw new HeadgateError('HEADGATE_BPF_MAP', 'create eBPF map x', {
      cause: new Error('no room'),
      cure: 'make room',
    });
  };
  const answer = { available: false, reason: 'create eBPF map x: no room', cure: 'make room' } as const;
  t.deepEqual(probeOnce('test', no), answer);
  t.deepEqual(probeOnce('test', no), answer);
  t.is(runs, 1);
  t.throws(
    () =>
      probe(() => {
        throw new TypeError('a fault');
      }),
    { instanceOf: TypeError },
  );
});

test('the number of bpf(2) is known for x86-64 and arm64, and for no other', (t) => {
  t.is(bpfSyscallNumber('x64'), 321);
  t.is(bpfSyscallNumber('arm64'), 280);
  t.is(bpfSyscallNumber('riscv64'), undefined);
});

test('lists of CPUs are counted', (t) => {
  t.is(countCpus('0\n'), 1);
  t.is(countCpus('0-3,8,10-11\n'), 7);
});

const logs: readonly (readonly [what: string, log: string, reason: string, slot: number | undefined])[] = [
  [
    'a fault of the walk',
    '0: R1=ctx() R10=fp0\n0: (61) r2 = *(u32 *)(r1 +0)\n1: (71) r0 = *(u8 *)(r2 +0)\ninvalid access to packet\nR2 offset is outside\nprocessed 2 insns (limit 1000000)\n',
    'invalid access to packet; R2 offset is outside',
    1,
  ],
  ['a fault of the control flow', 'unreachable insn 7\nprocessed 0 insns\n', 'unreachable insn 7', 7],
  [
    'a jump out of range',
    'jump out of range from insn 3 to 99\nprocessed 0 insns\n',
    'jump out of range from insn 3 to 99',
    3,
  ],
  [
    'a fault without a place',
    'last insn is not an exit or jmp\n',
    'last insn is not an exit or jmp',
    undefined,
  ],
  ['an empty log', '', '', undefined],
];

for (const [what, log, reason, slot] of logs) {
  test(`${what} is read from the log`, (t) => {
    t.deepEqual(readVerifierLog(log), slot === undefined ? { reason } : { reason, slot });
  });
}
