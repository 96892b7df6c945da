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
} from '../../../../../lib/linux/bpf/index.ts';
import { probe, probeOnce } from '../../../../../lib/linux/bpf/probe/availability.ts';
import { HeadgateError } from '../../../../../lib/errors/index.ts';
import { kernelTest } from '../kernel-test.ts';

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
