import test from 'ava';
import {
  batchAvailable,
  BpfMap,
  mapTypeAvailable,
  mmapAvailable,
  possibleCpus,
  type MapSpec,
} from '../../../../../lib/linux/bpf/index.ts';
import { checkMapSpec } from '../../../../../lib/linux/bpf/map/index.ts';
import { kernelTest } from '../kernel-test.ts';

const array: MapSpec = { type: 'array', keySize: 4, valueSize: 8, maxEntries: 4 };
const hash: MapSpec = { type: 'hash', keySize: 2, valueSize: 3, maxEntries: 4 };
const bytes = (...values: number[]) => Uint8Array.from(values);

function withMap(spec: MapSpec, use: (map: BpfMap) => void): void {
  const map = BpfMap.create('hg_test', spec);
  try {
    use(map);
  } finally {
    map.close();
  }
}

kernelTest('an array holds zeros, then what is written', (t) => {
  withMap(array, (map) => {
    t.deepEqual(map.lookup(3), new Uint8Array(8));
    t.true(map.update(3, bytes(1, 2, 3, 4, 5, 6, 7, 8)));
    t.deepEqual(map.lookup(bytes(3, 0, 0, 0)), bytes(1, 2, 3, 4, 5, 6, 7, 8));
    t.is(map.lookup(4), undefined);
    t.throws(() => map.update(4, new Uint8Array(8)), {
      code: 'HEADGATE_BPF_MAP',
      message: 'update eBPF map hg_test',
    });
  });
});

kernelTest('a hash is written by mode, read, walked and emptied', (t) => {
  withMap(hash, (map) => {
    t.true(map.update(bytes(1, 1), bytes(1, 1, 1), 'new'));
    t.false(map.update(bytes(1, 1), bytes(2, 2, 2), 'new'));
    t.false(map.update(bytes(2, 2), bytes(2, 2, 2), 'existing'));
    t.true(map.update(bytes(2, 2), bytes(2, 2, 2)));
    t.deepEqual(
      [...map.keys()].toSorted((a, b) => (a[0] ?? 0) - (b[0] ?? 0)),
      [bytes(1, 1), bytes(2, 2)],
    );
    t.deepEqual(map.lookup(bytes(1, 1)), bytes(1, 1, 1));
    t.true(map.delete(bytes(1, 1)));
    t.false(map.delete(bytes(1, 1)));
    t.is(map.lookup(bytes(1, 1)), undefined);
  });
});

kernelTest('a full hash refuses a new key, and the error says that it is full', (t) => {
  withMap(hash, (map) => {
    for (let key = 0; key < 4; key++) map.update(bytes(key, 0), bytes(0, 0, 0));
    const error = t.throws(() => map.update(bytes(9, 9), bytes(0, 0, 0)), { code: 'HEADGATE_BPF_MAP' });
    t.like(error, { facts: { full: true, code: 'E2BIG' } });
  });
});

kernelTest(
  'an LRU hash makes room for a new key',
  (t) => {
    withMap({ ...hash, type: 'lru-hash', maxEntries: 16 }, (map) => {
      for (let key = 0; key < 250; key++) map.update(bytes(key, 1), bytes(0, 0, 0));
      t.true([...map.keys()].length <= 16);
      t.not(map.lookup(bytes(249, 1)), undefined);
    });
  },
  [() => mapTypeAvailable('lru-hash')],
);

for (const type of ['per-cpu-array', 'per-cpu-hash', 'lru-per-cpu-hash'] as const) {
  kernelTest(
    `a ${type} keeps a value for each CPU`,
    (t) => {
      withMap({ type, keySize: 4, valueSize: 4, maxEntries: 64 }, (map) => {
        const stride = 8;
        t.is(map.valueBytes, stride * possibleCpus());
        map.update(0, bytes(7, 0, 0, 0));
        t.deepEqual(
          map.lookupPerCpu(0),
          Array.from({ length: possibleCpus() }, () => bytes(7, 0, 0, 0)),
        );
        const each = new Uint8Array(map.valueBytes);
        for (let cpu = 0; cpu < possibleCpus(); cpu++) each[cpu * stride] = cpu + 1;
        map.update(0, each);
        t.deepEqual(
          map.lookupPerCpu(0)?.map((value) => value[0]),
          Array.from({ length: possibleCpus() }, (_, cpu) => cpu + 1),
        );
      });
    },
    [() => mapTypeAvailable(type)],
  );
}

kernelTest(
  'batches write, read, empty and delete in few calls',
  (t) => {
    const keys = new Uint8Array(2000).map((_, at) => (at % 2 === 0 ? (at / 2) & 0xff : (at / 2) >> 8));
    const values = new Uint8Array(3000).map((_, at) => Math.floor(at / 3) & 0xff);
    withMap({ ...hash, maxEntries: 1000 }, (map) => {
      const readAll = (count: number) => {
        const found = new Map<number, number>();
        for (const batch of map.batch.read(count)) {
          for (let at = 0; at < batch.count; at++) {
            const key = (batch.keys[at * 2] ?? 0) + (batch.keys[at * 2 + 1] ?? 0) * 256;
            found.set(key, batch.values[at * 3] ?? -1);
          }
        }
        return found;
      };
      map.batch.update(keys, values);
      for (const count of [1, 100, 4096]) {
        const found = readAll(count);
        t.is(found.size, 1000, `${count} at a time`);
        t.is(found.get(999), 999 & 0xff);
      }
      t.is(map.batch.delete(bytes(0, 0, 255, 255, 1, 0, 254, 255)), 2, 'missing keys are skipped');
      t.is(readAll(64).size, 998);
      t.is(
        [...map.batch.drain(64)].reduce((sum, { count }) => sum + count, 0),
        998,
      );
      t.is(readAll(64).size, 0);
    });
  },
  [batchAvailable],
);

kernelTest(
  'a batch that does not fit says how much of it was written',
  (t) => {
    withMap({ ...hash, maxEntries: 2 }, (map) => {
      const error = t.throws(() => map.batch.update(bytes(1, 0, 2, 0, 3, 0), new Uint8Array(9)), {
        code: 'HEADGATE_BPF_MAP',
      });
      t.like(error, { facts: { written: 2, full: true } });
    });
  },
  [batchAvailable],
);

kernelTest(
  'the memory of an array is the array, without a system call',
  (t) => {
    withMap({ ...array, mmapable: true, valueSize: 4, maxEntries: 1000 }, (map) => {
      const memory = map.memory();
      t.is(memory.stride, 8);
      t.is(memory.bytes.length, 8000);
      memory.bytes[999 * memory.stride] = 42;
      t.is(map.lookup(999)?.[0], 42);
      map.update(0, bytes(1, 2, 3, 4));
      t.deepEqual(memory.bytes.slice(0, 4), bytes(1, 2, 3, 4));
      memory.close();
      memory.close();
      t.throws(() => memory.bytes, { code: 'HEADGATE_BPF_CLOSED' });
    });
  },
  [mmapAvailable],
);

kernelTest('only a map whose spec says mmapable has memory', (t) => {
  withMap(array, (map) => t.throws(() => map.memory(), { code: 'HEADGATE_BPF_SPEC' }));
});

kernelTest('a frozen map is read but not written', (t) => {
  withMap({ ...array, readOnlyForPrograms: true }, (map) => {
    map.update(0, bytes(9, 0, 0, 0, 0, 0, 0, 0));
    map.freeze();
    t.throws(() => map.update(0, new Uint8Array(8)), { code: 'HEADGATE_BPF_MAP' });
    t.is(map.lookup(0)?.[0], 9);
  });
});

kernelTest('maps of maps take maps of the inner shape and no others', (t) => {
  const outer = BpfMap.create('hg_outer', {
    type: 'hash-of-maps',
    keySize: 4,
    valueSize: 4,
    maxEntries: 2,
    inner: array,
  });
  const fits = BpfMap.create('hg_inner', array);
  const other = BpfMap.create('hg_other', { ...array, valueSize: 16 });
  t.notThrows(() => outer.put(1, fits));
  t.throws(() => outer.put(1, other), { code: 'HEADGATE_BPF_MAP' });
  for (const map of [outer, fits, other]) map.close();
});

kernelTest('the info of a map is what was asked for', (t) => {
  withMap(hash, (map) => {
    t.like(map.info(), { name: 'hg_test', type: 1, keySize: 2, valueSize: 3, maxEntries: 4, flags: 0 });
  });
});

kernelTest('keys and values of a wrong size are refused before the kernel reads beyond them', (t) => {
  withMap(hash, (map) => {
    const code = 'HEADGATE_BPF_SPEC';
    t.throws(() => map.lookup(bytes(1)), { code });
    t.throws(() => map.lookup(1), { code });
    t.throws(() => map.update(bytes(1, 2), bytes(1)), { code });
    t.throws(() => map.batch.update(bytes(1, 2, 3), new Uint8Array(3)), { code });
    t.throws(() => map.batch.update(bytes(1, 2), new Uint8Array(2)), { code });
  });
});

kernelTest('a closed map says so, and closing again does nothing', (t) => {
  const map = BpfMap.create('hg_test', array);
  map.close();
  map.close();
  t.throws(() => map.lookup(0), { code: 'HEADGATE_BPF_CLOSED' });
});

kernelTest('a map that is too large is refused with its size', (t) => {
  const huge: MapSpec = { ...array, maxEntries: 0xffff_ffff, valueSize: 0x1_0000 };
  const error = t.throws(() => BpfMap.create('hg_huge', huge), {
    code: 'HEADGATE_BPF_MAP',
    message: /create eBPF map hg_huge \(array of 4294967295 entries, 4 \+ 65536 bytes each\)/,
  });
  t.like(error, { facts: { tooLarge: true } });
});

const contradictions: readonly (readonly [what: string, spec: MapSpec, message: RegExp])[] = [
  ['an array with keys of 2 bytes', { ...array, keySize: 2 }, /keys of array are 4 bytes/],
  ['a map of nothing', { ...array, maxEntries: 0 }, /maxEntries must be/],
  [
    'a map of maps without an inner spec',
    { ...array, type: 'array-of-maps', valueSize: 4 },
    /needs an inner spec/,
  ],
  ['an inner spec in an array', { ...array, inner: array }, /array holds no maps/],
  ['an array of programs of 8 bytes', { ...array, type: 'program-array' }, /descriptors of 4 bytes/],
  ['a mmapable hash', { ...hash, mmapable: true }, /cannot be mapped/],
  [
    'an LRU hash without preallocation',
    { ...hash, type: 'lru-hash', preallocate: false },
    /always preallocated/,
  ],
  ['a hash of any length inside', { ...hash, anyLengthInside: true }, /cannot vary/],
];

for (const [what, spec, message] of contradictions) {
  test(`${what} is refused`, (t) => {
    t.throws(() => checkMapSpec('m', spec), { code: 'HEADGATE_BPF_SPEC', message });
  });
}
