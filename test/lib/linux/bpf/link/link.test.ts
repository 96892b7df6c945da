import { spawnSync } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, rmSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import {
  bpffsAvailable,
  BpfMap,
  isBpffs,
  Link,
  loadCollection,
  mountBpffs,
  objectIds,
  Program,
  tcxAvailable,
  unmountBpffs,
  xdpLinkAvailable,
} from '../../../../../lib/linux/bpf/index.ts';
import { countingSpec, tcSpec } from '../counting-spec.ts';
import { kernelTest } from '../kernel-test.ts';
import { ifindexOf, ip, ownNamespaces, temporaryDirectory } from '../own-namespaces.ts';

// A veth pair in a network namespace of this process: what is sent to 192.0.2.2 through hg-bpf-b arrives at hg-bpf-a.
test.before(() => {
  if (!ownNamespaces().available) return;
  ip('link add hg-bpf-a type veth peer name hg-bpf-b');
  ip('address add 192.0.2.1/24 dev hg-bpf-b');
  ip('link set hg-bpf-a up');
  ip('link set hg-bpf-b up');
  ip('neighbor replace 192.0.2.2 lladdr 02:00:00:00:00:02 dev hg-bpf-b');
});

async function sendPackets(count: number): Promise<void> {
  const socket = dgram.createSocket('udp4');
  socket.bind(0, '192.0.2.1');
  await once(socket, 'listening');
  for (let sent = 0; sent < count; sent++) {
    await new Promise<void>((resolve, reject) => {
      socket.send('x', 9, '192.0.2.2', (error) => (error === null ? resolve() : reject(error)));
    });
  }
  socket.close();
}

const counter = (map: BpfMap, index: number) => map.lookup(index)?.[0] ?? 0;

/** Sends packets until the counter at `index` moves; answers whether it did. */
async function counts(map: BpfMap, index: number): Promise<boolean> {
  const before = counter(map, index);
  for (let attempts = 0; attempts < 100; attempts++) {
    await sendPackets(1);
    if (counter(map, index) !== before) return true;
    await delay(10);
  }
  return false;
}

for (const mode of ['native', 'generic'] as const) {
  kernelTest(
    `a program attached in ${mode} mode sees packets, is replaced without a gap and is gone after close`,
    async (t) => {
      const ifindex = ifindexOf('hg-bpf-a');
      t.deepEqual(xdpLinkAvailable(ifindex, mode), { available: true });
      const { maps, programs, close } = loadCollection(countingSpec);
      const link = Link.attachXdp(programs.count, ifindex, mode);
      t.is(link.mode, mode);
      t.like(link.info(), { kind: 'xdp', ifindex, programId: programs.count.info().id });
      t.true(await counts(maps.counters, 0));
      const busy = t.throws(() => Link.attachXdp(programs.count, ifindex, mode), {
        code: 'HEADGATE_BPF_LINK',
      });
      t.like(busy, { facts: { busy: true } });
      t.throws(() => link.update(programs.replacement, programs.replacement), { code: 'HEADGATE_BPF_LINK' });
      link.update(programs.replacement, programs.count);
      t.is(link.info().programId, programs.replacement.info().id);
      t.true(await counts(maps.counters, 1));
      link.close();
      const after = counter(maps.counters, 1);
      await sendPackets(3);
      t.is(counter(maps.counters, 1), after);
      close();
    },
    [ownNamespaces],
  );
}

kernelTest(
  'any mode is native where the driver can, generic where it cannot',
  (t) => {
    const { programs, close } = loadCollection(countingSpec);
    const native = Link.attachXdp(programs.count, ifindexOf('hg-bpf-a'));
    t.is(native.mode, 'native');
    native.close();
    // The loopback device has no XDP in its driver.
    const generic = Link.attachXdp(programs.count, 1);
    t.is(generic.mode, 'generic');
    generic.close();
    close();
  },
  [ownNamespaces],
);

kernelTest(
  'a detached link is an empty shell',
  async (t) => {
    const { maps, programs, close } = loadCollection(countingSpec);
    const link = Link.attachXdp(programs.count, ifindexOf('hg-bpf-a'), 'generic');
    t.true(await counts(maps.counters, 0));
    link.detach();
    t.is(link.info().ifindex, 0);
    link.close();
    close();
  },
  [ownNamespaces],
);

kernelTest(
  'a program attached to tcx sees packets and lets them go on',
  async (t) => {
    const { maps, programs, close } = loadCollection(tcSpec);
    for (const direction of ['ingress', 'egress'] as const) {
      const name = direction === 'ingress' ? 'hg-bpf-a' : 'hg-bpf-b';
      const link = Link.attachTcx(programs.count, ifindexOf(name), direction);
      t.like(link.info(), { kind: 'tcx', ifindex: ifindexOf(name) });
      t.true(await counts(maps.counters, 0), direction);
      link.close();
    }
    close();
  },
  [ownNamespaces, tcxAvailable],
);

kernelTest('an interface that does not exist is told', (t) => {
  const { programs, close } = loadCollection(countingSpec);
  const error = t.throws(() => Link.attachXdp(programs.count, 0x7fff_ffff), {
    code: 'HEADGATE_BPF_LINK',
    message: 'attach eBPF program count to interface 2147483647 (generic XDP)',
  });
  t.like(error, { facts: { missing: true } });
  close();
});

/** A bpf file system of its own, taken away with everything in it, also when the test fails. */
async function withBpffs(use: (directory: string) => void | Promise<void>): Promise<void> {
  const directory = temporaryDirectory();
  mountBpffs(directory);
  try {
    // A directory of our own: the kernel puts files of its own at the top.
    const ours = join(directory, 'headgate');
    mkdirSync(ours);
    await use(ours);
  } finally {
    unmountBpffs(directory);
    rmSync(dirname(directory), { recursive: true });
  }
}

kernelTest(
  'what a killed process has pinned goes on, is adopted, replaced and removed',
  async (t) => {
    await withBpffs(async (directory) => {
      const fixture = fileURLToPath(new URL('../fixture-pin.js', import.meta.url));
      const child = spawnSync(process.execPath, [fixture, String(ifindexOf('hg-bpf-a')), directory], {
        encoding: 'utf8',
      });
      t.is(child.signal, 'SIGKILL', child.stderr);
      t.deepEqual(readdirSync(directory).toSorted(), ['count', 'counters', 'link']);

      const counters = BpfMap.open(join(directory, 'counters'), 'counters', countingSpec.maps.counters);
      t.true(await counts(counters, 0), 'the dead process forwards on');
      const memory = counters.memory('read');
      t.is(memory.bytes[0], counter(counters, 0));
      memory.close();

      const { programs, maps, close } = loadCollection(countingSpec, { reuse: { counters } });
      t.is(maps.counters, counters);
      const link = Link.open(join(directory, 'link'));
      const old = Program.open(join(directory, 'count'), 'count');
      t.is(link.info().programId, old.info().id);
      link.update(programs.replacement, old);
      t.true(await counts(counters, 1));

      const programId = old.info().id;
      for (const name of readdirSync(directory)) unlinkSync(join(directory, name));
      for (const owned of [link, old]) owned.close();
      close();
      t.false([...objectIds('program')].includes(programId));
    });
  },
  [ownNamespaces],
);

kernelTest(
  'a pin of another kind or shape is refused with the difference',
  async (t) => {
    await withBpffs((directory) => {
      const path = join(directory, 'thing');
      const { maps, programs, close } = loadCollection(countingSpec);
      maps.counters.pin(path);
      const taken = t.throws(() => programs.count.pin(path), { code: 'HEADGATE_BPF_PIN' });
      t.like(taken, { facts: { exists: true } });
      const wider = { ...countingSpec.maps.counters, valueSize: 16, maxEntries: 3 };
      t.throws(() => BpfMap.open(path, 'counters', wider), {
        code: 'HEADGATE_BPF_PIN_MISMATCH',
        message: `pinned map ${path}: value size 8 instead of 16, entries 2 instead of 3`,
      });
      t.throws(() => Program.open(path, 'count'), {
        code: 'HEADGATE_BPF_PIN_MISMATCH',
        message: `${path} is a map, not a program`,
      });
      const missing = t.throws(() => Link.open(join(directory, 'nothing')), { code: 'HEADGATE_BPF_PIN' });
      t.like(missing, { facts: { missing: true } });
      close();
    });
  },
  [ownNamespaces],
);

kernelTest(
  'pinning outside of a bpf file system names the command that mounts one',
  async (t) => {
    await withBpffs((directory) => {
      const outside = dirname(dirname(directory));
      t.true(isBpffs(directory));
      t.deepEqual(bpffsAvailable(directory), { available: true });
      t.like(bpffsAvailable(outside), { available: false, cure: `mount one: mount -t bpf bpf ${outside}` });
      t.like(bpffsAvailable('/sys/fs/bpf/headgate/none'), {
        cure: 'mount one: mount -t bpf bpf /sys/fs/bpf',
      });
      const { maps, close } = loadCollection(countingSpec);
      t.throws(() => maps.counters.pin(join(outside, 'x')), { code: 'HEADGATE_BPF_NO_BPFFS' });
      t.false(existsSync(join(outside, 'x')));
      close();
    });
  },
  [ownNamespaces],
);
