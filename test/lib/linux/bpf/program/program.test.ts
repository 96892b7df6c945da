import fc from 'fast-check';
import {
  asm,
  batchAvailable,
  BpfMap,
  helperAvailable,
  loadCollection,
  mapTypeAvailable,
  Program,
  XdpAction,
  type CollectionSpec,
  type ProgramSpec,
} from '../../../../../lib/linux/bpf/index.ts';
import { buildPacket, fold, sumWords } from '../../../../../lib/packet/index.ts';
import { kernelTest } from '../kernel-test.ts';

const { FP, R0, R1, R2, R3, R4, R5, R6, R7 } = asm;

const packet = buildPacket({
  ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
  ip: { source: '10.0.0.1', destination: '10.0.0.2' },
  tcp: { sourcePort: 4000, destinationPort: 9000 },
});

const xdp = (...instructions: asm.Code[]): ProgramSpec => ({ type: 'xdp', instructions });

function withCollection<const Spec extends CollectionSpec>(
  spec: Spec,
  use: (loaded: ReturnType<typeof loadCollection<Spec>>) => void,
): void {
  const loaded = loadCollection(spec);
  try {
    use(loaded);
  } finally {
    loaded.close();
  }
}

function withProgram(spec: ProgramSpec, use: (program: Program) => void): void {
  withCollection({ maps: {}, programs: { hg_test: spec } }, ({ programs }) => use(programs.hg_test));
}

for (const [name, action] of Object.entries(XdpAction)) {
  kernelTest(`a program answers ${name} and leaves the packet`, (t) => {
    withProgram(xdp(asm.leave(action)), (program) => {
      const { result, data } = program.test({ data: packet });
      t.is(result, action);
      t.deepEqual(data, packet);
    });
  });
}

kernelTest('a program swaps the MAC addresses', (t) => {
  const swap = xdp(
    asm.loadPacket(R1, R2, R3),
    asm.requireBytes(R2, R3, 14, R4, 'short'),
    asm.loadMem(R4, R2, 0, 4),
    asm.loadMem(R5, R2, 4, 2),
    asm.copyBytes(R2, 0, R2, 6, 6, R6),
    asm.storeMem(R2, 6, R4, 4),
    asm.storeMem(R2, 10, R5, 2),
    asm.leave(XdpAction.Tx),
    asm.label('short'),
    asm.leave(XdpAction.Drop),
  );
  withProgram(swap, (program) => {
    const { result, data } = program.test({ data: packet });
    t.is(result, XdpAction.Tx);
    t.deepEqual(data.slice(0, 12), Uint8Array.of(...packet.slice(6, 12), ...packet.slice(0, 6)));
    t.deepEqual(data.slice(12), packet.slice(12));
    // Twice is as it was: from the second run on the program gets its own output.
    t.deepEqual(program.test({ data: packet, repeat: 2 }).data, packet);
  });
});

kernelTest(
  'a packet grows at its head',
  (t) => {
    const grow = xdp(
      asm.mov.imm(R2, -20),
      asm.fn.xdpAdjustHead.call('20 bytes in front'),
      asm.leave(XdpAction.Tx),
    );
    withProgram(grow, (program) => {
      const { data } = program.test({ data: packet });
      t.is(data.length, packet.length + 20);
      t.deepEqual(data.slice(20), packet);
    });
  },
  [() => helperAvailable('xdp', 'xdpAdjustHead')],
);

const u64 = (value: Uint8Array | undefined) =>
  value === undefined ? undefined : new DataView(value.buffer, value.byteOffset).getBigUint64(0, true);

kernelTest('a program counts in a map, by an atomic addition', (t) => {
  const spec = {
    maps: { counts: { type: 'array', keySize: 4, valueSize: 8, maxEntries: 2 } },
    programs: {
      count: xdp(
        asm.storeImm(FP, -4, 1, 4),
        asm.lookupMap('counts', -4),
        asm.jeq.imm(R0, 0, 'out'),
        asm.mov.imm(R1, 3),
        asm.atomic.add(R0, 0, R1, 8),
        asm.label('out'),
        asm.leave(XdpAction.Pass),
      ),
    },
  } as const satisfies CollectionSpec;
  withCollection(spec, ({ maps, programs }) => {
    programs.count.test({ data: packet, repeat: 100 });
    t.is(u64(maps.counts.lookup(1)), 300n);
    t.is(u64(maps.counts.lookup(0)), 0n);
  });
});

kernelTest('a program reads a value of a map by its address, without a lookup', (t) => {
  const spec = {
    maps: { config: { type: 'array', keySize: 4, valueSize: 16, maxEntries: 1 } },
    programs: {
      read: xdp(asm.loadMapValue(R1, 'config', 8), asm.loadMem(R0, R1, 0, 4), asm.exit()),
    },
  } as const satisfies CollectionSpec;
  withCollection(spec, ({ maps, programs }) => {
    const value = new Uint8Array(16);
    value[8] = 77;
    maps.config.update(0, value);
    t.is(programs.read.test({ data: packet }).result, 77);
  });
});

kernelTest(
  'a program counts per CPU, the sum is right',
  (t) => {
    const spec = {
      maps: { counters: { type: 'per-cpu-array', keySize: 4, valueSize: 8, maxEntries: 4 } },
      programs: {
        count: xdp(
          asm.bumpCounter('first', 'counters', 2, -4),
          asm.bumpCounter('second', 'counters', 3, -4),
          asm.leave(XdpAction.Pass),
        ),
      },
    } as const satisfies CollectionSpec;
    withCollection(spec, ({ maps, programs }) => {
      programs.count.test({ data: packet, repeat: 50 });
      const sum = (index: number) =>
        maps.counters.lookupPerCpu(index)?.reduce((total, value) => total + (u64(value) ?? 0n), 0n);
      t.deepEqual([0, 1, 2, 3].map(sum), [0n, 0n, 50n, 50n]);
    });
  },
  [() => mapTypeAvailable('per-cpu-array')],
);

kernelTest('a program goes on in another one, or behind the call when there is none', (t) => {
  const spec = {
    maps: { next: { type: 'program-array', keySize: 4, valueSize: 4, maxEntries: 2 } },
    programs: {
      first: xdp(asm.tailCall(R1, 'next', 1), asm.leave(XdpAction.Drop)),
      second: xdp(asm.leave(XdpAction.Tx)),
    },
  } as const satisfies CollectionSpec;
  withCollection(spec, ({ maps, programs }) => {
    t.is(programs.first.test({ data: packet }).result, XdpAction.Drop);
    maps.next.put(1, programs.second);
    t.is(programs.first.test({ data: packet }).result, XdpAction.Tx);
    maps.next.delete(1);
    t.is(programs.first.test({ data: packet }).result, XdpAction.Drop);
  });
});

kernelTest('a program calls a part of itself', (t) => {
  const spec = xdp(
    asm.mov.imm(R1, 20),
    asm.call('double'),
    asm.add.imm(R0, 2),
    asm.exit(),
    asm.label('double'),
    asm.mov.reg(R0, R1),
    asm.add.reg(R0, R1),
    asm.exit(),
  );
  withProgram(spec, (program) => t.is(program.test({ data: packet }).result, 42));
});

/** Two bytes per slot, one value: the table of 65,537 slots in one piece, written by one system call. */
const SLOTS = 65_537;
const table = { type: 'array', keySize: 4, valueSize: SLOTS * 2 + 2, maxEntries: 1 } as const;

kernelTest(
  'a table of 65,537 slots is replaced whole: a packet sees the old or the new one',
  (t) => {
    const spec = {
      maps: { tables: { type: 'array-of-maps', keySize: 4, valueSize: 4, maxEntries: 1, inner: table } },
      programs: {
        pick: xdp(
          asm.storeImm(FP, -4, 0, 4),
          asm.lookupMap('tables', -4),
          asm.jeq.imm(R0, 0, 'none'),
          asm.mov.reg(R1, R0),
          asm.mov.reg(R2, FP),
          asm.add.imm(R2, -4),
          asm.fn.mapLookupElem.call('the only value of the inner map'),
          asm.jeq.imm(R0, 0, 'none'),
          asm.mov.imm(R1, (SLOTS - 1) * 2),
          asm.add.reg(R0, R1),
          asm.loadMem(R0, R0, 0, 2, 'the last slot'),
          asm.exit(),
          asm.label('none'),
          asm.leave(0),
        ),
      },
    } as const satisfies CollectionSpec;
    withCollection(spec, ({ maps, programs }) => {
      t.is(programs.pick.test({ data: packet }).result, 0);
      for (const balancer of [7, 0x1234]) {
        const inner = BpfMap.create('hg_table', table);
        const slots = new Uint16Array(SLOTS + 1).fill(balancer);
        inner.update(0, new Uint8Array(slots.buffer));
        maps.tables.put(0, inner);
        inner.close();
        t.is(programs.pick.test({ data: packet }).result, balancer);
      }
    });
  },
  [() => mapTypeAvailable('array-of-maps')],
);

kernelTest(
  'a program sees what a batch wrote',
  (t) => {
    const spec = {
      maps: { keys: { type: 'hash', keySize: 4, valueSize: 4, maxEntries: 100 } },
      programs: {
        find: xdp(
          asm.storeImm(FP, -4, 99, 4),
          asm.lookupMap('keys', -4),
          asm.jeq.imm(R0, 0, 'out'),
          asm.loadMem(R0, R0, 0, 4),
          asm.label('out'),
          asm.exit(),
        ),
      },
    } as const satisfies CollectionSpec;
    withCollection(spec, ({ maps, programs }) => {
      const numbers = new Uint8Array(Uint32Array.from({ length: 100 }, (_, index) => index).buffer);
      maps.keys.batch.update(numbers, numbers);
      t.is(programs.find.test({ data: packet }).result, 99);
    });
  },
  [batchAvailable],
);

kernelTest(
  'the checksum folded by the program is the one of lib/packet',
  (t) => {
    const spec = xdp(
      asm.loadPacket(R1, R2, R3),
      asm.requireBytes(R2, R3, 34, R4, 'short'),
      asm.mov.reg(R3, R2),
      asm.add.imm(R3, 14),
      asm.mov.imm(R1, 0),
      asm.mov.imm(R2, 0),
      asm.mov.imm(R4, 20),
      asm.mov.imm(R5, 0),
      asm.fn.csumDiff.call('sum of the IPv4 header'),
      asm.foldChecksum(R0, R1),
      asm.toBigEndian(R0, 16),
      asm.exit(),
      asm.label('short'),
      asm.leave(0xffff_f),
    );
    withProgram(spec, (program) => {
      fc.assert(
        fc.property(fc.uint8Array({ minLength: 34, maxLength: 34 }), (data) => {
          t.is(program.test({ data }).result, fold(sumWords(data, 14, 34)));
        }),
        { numRuns: 50 },
      );
    });
  },
  [() => helperAvailable('xdp', 'csumDiff')],
);

kernelTest('numbers survive every way through the machine: shifts, signs, swaps', (t) => {
  const run = (...code: asm.Code[]) => {
    let result = 0;
    withProgram(xdp(code, asm.exit()), (program) => {
      ({ result } = program.test({ data: packet }));
    });
    return result;
  };
  t.is(run(asm.loadImm64(R0, 0x1122_3344_5566_7788n), asm.rsh.imm(R0, 32)), 0x1122_3344);
  t.is(run(asm.mov.imm(R0, -8), asm.sdiv.imm32(R0, 2)), 0xffff_fffc);
  t.is(run(asm.mov.imm(R1, 0xff), asm.movSigned.reg(R0, R1, 8)), 0xffff_ffff);
  t.is(run(asm.loadImm64(R0, 0x1234n), asm.byteSwap(R0, 16)), 0x3412);
  t.is(
    run(
      asm.mov.imm(R0, 1),
      asm.jne.imm(R0, 1, 'other'),
      asm.jaLong('end'),
      asm.label('other'),
      asm.mov.imm(R0, 2),
      asm.label('end'),
    ),
    1,
  );
  t.is(run(asm.storeImm(FP, -8, -2, 8), asm.loadMemSigned(R0, FP, -8, 1), asm.rsh.imm(R0, 60)), 0xf);
  t.is(
    run(
      asm.storeImm(FP, -8, 5, 8),
      asm.mov.imm(R0, 5),
      asm.mov.imm(R7, 9),
      asm.atomic.compareExchange(FP, -8, R7, 8),
      asm.loadMem(R0, FP, -8, 8),
    ),
    9,
  );
});

kernelTest('the context can be given and comes back', (t) => {
  const spec = xdp(asm.loadMem(R0, R1, asm.xdpContext.offsetOf('rxQueueIndex'), 4), asm.exit());
  withProgram(spec, (program) => {
    const context = asm.xdpContext.encode({
      data: 0,
      dataEnd: packet.length,
      dataMeta: 0,
      ingressIfindex: 1,
      rxQueueIndex: 0,
      egressIfindex: 0,
    });
    const { result, context: after } = program.test({ data: packet, context });
    t.is(result, 0);
    t.is(asm.xdpContext.read(after).ingressIfindex, 1);
  });
});

kernelTest('a packet too short for Ethernet cannot be run, and the error says so', (t) => {
  withProgram(xdp(asm.leave(XdpAction.Pass)), (program) => {
    t.throws(() => program.test({ data: new Uint8Array(13) }), {
      code: 'HEADGATE_BPF_PROGRAM',
      message: 'run eBPF program hg_test on a packet of 13 bytes',
    });
    t.throws(() => program.test({ data: packet, repeat: 0 }), { code: 'HEADGATE_BPF_SPEC' });
  });
});

kernelTest('info tells name, type and tag; equal programs have equal tags', (t) => {
  withCollection(
    { maps: {}, programs: { one: xdp(asm.leave(1)), two: xdp(asm.leave(1)), three: xdp(asm.leave(2)) } },
    ({ programs }) => {
      const [one, two, three] = [programs.one.info(), programs.two.info(), programs.three.info()];
      t.like(one, { name: 'one', type: 6 });
      t.is(one.tag, two.tag);
      t.not(one.tag, three.tag);
      t.not(one.id, two.id);
    },
  );
});
