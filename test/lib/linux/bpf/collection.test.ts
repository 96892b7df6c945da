import { asm, BpfMap, loadCollection, type CollectionSpec } from '../../../../lib/linux/bpf/index.ts';
import { kernelTest } from './kernel-test.ts';

const map = { type: 'array', keySize: 4, valueSize: 4, maxEntries: 1 } as const;

kernelTest('a collection that fails closes what it has made, given maps too', (t) => {
  const reused = BpfMap.create('hg_reused', map);
  const spec: CollectionSpec = {
    maps: { mine: map, reused: map },
    programs: {
      good: { type: 'xdp', instructions: asm.leave(0) },
      bad: { type: 'xdp', instructions: [asm.loadMap(asm.R1, 'missing'), asm.leave(0)] },
    },
  };
  t.throws(() => loadCollection(spec, { reuse: { reused } }), {
    code: 'HEADGATE_BPF_SPEC',
    message: 'eBPF program bad: there is no map missing',
  });
  t.throws(() => reused.fd, { code: 'HEADGATE_BPF_CLOSED' });
});

kernelTest('programs of a collection share its maps, and a map given is used instead of a new one', (t) => {
  const shared = BpfMap.create('hg_shared', map);
  const read = {
    type: 'xdp',
    instructions: [asm.loadMapValue(asm.R1, 'config', 0), asm.loadMem(asm.R0, asm.R1, 0, 4), asm.exit()],
  } as const;
  const { maps, programs, close } = loadCollection(
    { maps: { config: map }, programs: { one: read, two: read } },
    { reuse: { config: shared } },
  );
  t.is(maps.config, shared);
  maps.config.update(0, Uint8Array.of(7, 0, 0, 0));
  const packet = new Uint8Array(14);
  t.is(programs.one.test({ data: packet }).result, 7);
  t.is(programs.two.test({ data: packet }).result, 7);
  close();
  close();
  t.throws(() => programs.one.fd, { code: 'HEADGATE_BPF_CLOSED' });
});
