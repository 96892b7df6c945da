import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, unlinkSync } from 'node:fs';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { BpfMap, mountBpffs, tcxAvailable, unmountBpffs } from '../../../lib/linux/bpf/index.ts';
import { ipBytes } from '../../../lib/packet/index.ts';
import {
  configLayout,
  endpointKey,
  flowKey,
  FlowState,
  forwardCounterIndex,
  layoutVersion,
  serviceCountersLayout,
  Mode,
  noBalancer,
  originLayout,
  proxyOwner,
  serviceKey,
  type FlowEntry,
} from '../../../director/forward/index.ts';
import {
  confirmFlows,
  DataPath,
  decodeFlow,
  disownFlows,
  encodeFlow,
  mapSpecs,
  readCounters,
  writeEndpoints,
  writeServices,
} from '../../../director/xdp/index.ts';
import { detachPinned } from '../../../director/xdp/data-path.ts';
import { describeError } from '../../../lib/errors/index.ts';
import { kernelTest } from '../../lib/linux/bpf/kernel-test.ts';
import { ifindexOf, ownNamespaces, temporaryDirectory } from '../../lib/linux/bpf/own-namespaces.ts';
import { until } from '../../until.ts';
import { client4, endpoint, entry, service, vip4, vip4b, world } from '../forward/world.ts';
import { capacity, makeWire, openDataPath, writeState } from './small-data-path.ts';

test.before(() => {
  if (ownNamespaces().available) makeWire();
});

/** A bpf file system of its own, and a directory in it to be. */
async function withDirectory(use: (directory: string) => void | Promise<void>): Promise<void> {
  const root = temporaryDirectory();
  mountBpffs(root);
  try {
    await use(join(root, 'd1'));
  } finally {
    unmountBpffs(root);
    rmSync(dirname(root), { recursive: true });
  }
}

/** A data path with the world in it, detached afterwards. */
async function withDataPath(use: (path: DataPath, directory: string) => void | Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const path = openDataPath(directory);
    try {
      writeState(path, world());
      await use(path, directory);
    } finally {
      path.detach();
    }
  });
}

const needs = [ownNamespaces];
const specs = mapSpecs(capacity);

function forwardedNew(value: Uint8Array): bigint {
  return serviceCountersLayout.read(value).forwarded[forwardCounterIndex('forwardNew')] ?? 0n;
}

const key = (port: number) => flowKey(ipBytes(client4), port, 0);
const owner = { balancer: 1, generation: 1, mode: Mode.Dr };

function flowIn(map: BpfMap, port: number): FlowEntry | undefined {
  const value = map.lookup(key(port));
  return value === undefined ? undefined : decodeFlow(value);
}

/** Keeps connecting to the VIP until `moved` says so: real SYNs from the peer of the interface. */
async function sendSyns(moved: () => boolean): Promise<void> {
  const sockets: net.Socket[] = [];
  try {
    await until(
      () => {
        const socket = net.connect({ host: vip4, port: 9000 });
        // Nobody answers; the test ends it.
        socket.on('error', () => socket.destroy());
        sockets.push(socket);
        return moved();
      },
      { describe: 'a SYN to arrive' },
    );
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

kernelTest(
  'a director that is killed leaves packets flowing; the next one adopts flows and tables and goes on with its own program',
  async (t) => {
    await withDirectory(async (directory) => {
      const fixture = fileURLToPath(new URL('fixture-killed.js', import.meta.url));
      const ended = spawnSync(process.execPath, [fixture, String(ifindexOf('hg-xdp-a')), directory], {
        encoding: 'utf8',
      });
      t.is(ended.signal, 'SIGKILL', ended.stderr);
      // Nobody lives now; the pins are only looked at.
      const counters = BpfMap.open(join(directory, 'service_count'), 'service_count', specs.service_count);
      t.teardown(() => counters.close());
      const taken = () => counters.lookupPerCpu(0)?.some((value) => forwardedNew(value) > 0n) === true;
      await sendSyns(taken);
      counters.close();
      const path = openDataPath(directory);
      t.true(path.adopted);
      const flows = Array.from(path.maps.flows_new.keys());
      t.true(flows.length > 0);
      const before = path.programId;
      path.close();
      const next = openDataPath(directory);
      t.true(next.adopted);
      t.not(next.programId, before);
      t.is(decodeFlow(next.maps.flows_new.lookup(flows[0]!)!).balancer, 1);
      next.setTick(4_711);
      const seen = readCounters(next).services[0]?.forwardNew ?? 0n;
      t.true(seen > 0n);
      await sendSyns(() => (readCounters(next).services[0]?.forwardNew ?? 0n) > seen);
      const dates = Array.from(
        next.maps.flows_new.keys(),
        (one) => decodeFlow(next.maps.flows_new.lookup(one)!).lastSeen,
      );
      t.true(dates.includes(0) && dates.includes(4_711), `dates: ${dates.join(' ')}`);
      next.detach();
      t.false(existsSync(directory));
    });
  },
  needs,
);

kernelTest(
  'maps of other sizes are not adopted, and the running program stays',
  async (t) => {
    await withDataPath((path, directory) => {
      const running = path.programId;
      for (const changes of [{ flows: 512 }, { tableSize: 257 }]) {
        t.throws(() => openDataPath(directory, changes), { code: 'HEADGATE_XDP_LAYOUT' });
      }
      t.is(path.programId, running);
    });
  },
  needs,
);

kernelTest(
  'maps of another layout version are not adopted: the error says which, where and the cure, which works',
  async (t) => {
    await withDirectory((directory) => {
      const earlier = openDataPath(directory);
      const running = earlier.programId;
      const about = BpfMap.open(join(directory, 'about'), 'about', {
        type: 'array',
        keySize: 4,
        valueSize: 32,
        maxEntries: 1,
      });
      const value = about.lookup(0)!;
      // Its first word is the version, whatever follows.
      new DataView(value.buffer, value.byteOffset).setUint32(0, layoutVersion + 1, true);
      about.update(0, value);
      about.close();
      const error = t.throws(() => openDataPath(directory), { code: 'HEADGATE_XDP_LAYOUT' });
      t.is(
        describeError(error),
        `adopt the maps in ${directory}: they have layout ${layoutVersion + 1}, this is ${layoutVersion}; start the earlier version, or one with the earlier sizes, again; or drain the director, remove what is pinned with headgate director --detach, and start anew`,
      );
      t.is(earlier.programId, running, 'packets go on');
      earlier.close();
      t.true(detachPinned(directory));
      const fresh = openDataPath(directory);
      t.false(fresh.adopted);
      fresh.detach();
    });
  },
  needs,
);

kernelTest(
  'a start that was interrupted while pinning is done again from the beginning',
  async (t) => {
    await withDirectory((directory) => {
      const first = openDataPath(directory);
      first.maps.flows.update(key(1), encodeFlow(entry()));
      first.close();
      // As if it had died before the maps were complete: neither is there.
      unlinkSync(join(directory, 'link'));
      unlinkSync(join(directory, 'about'));
      const second = openDataPath(directory);
      t.false(second.adopted);
      t.is(flowIn(second.maps.flows, 1), undefined);
      second.detach();
    });
  },
  needs,
);

kernelTest(
  'a link to another interface is replaced by one to the interface of today',
  async (t) => {
    await withDirectory((directory) => {
      const first = openDataPath(directory);
      const loopback = 1;
      const moved = openDataPath(directory, {}, loopback);
      t.true(moved.adopted);
      t.is(moved.mode, 'generic');
      moved.detach();
      first.close();
    });
  },
  needs,
);

kernelTest(
  'confirmed flows move to the table that evicts nothing, and what their owner knows better is restored',
  async (t) => {
    await withDataPath((path) => {
      const { flows, flows_new: fresh } = path.maps;
      fresh.update(key(1), encodeFlow(entry({ lastAck: 7 })));
      fresh.update(key(2), encodeFlow(entry({ balancer: 3 })));
      flows.update(key(4), encodeFlow(entry()));
      flows.update(key(5), encodeFlow(entry({ balancer: 3 })));
      const keys = [1, 2, 3, 4, 5].map(key);
      t.deepEqual(confirmFlows(path, owner, keys, 9), {
        moved: 3,
        restored: 2,
        known: 1,
        contested: 1,
        full: 0,
      });
      t.deepEqual(flowIn(flows, 1), entry({ lastAck: 7 }));
      t.deepEqual(flowIn(flows, 2), entry({ lastSeen: 9 }));
      t.deepEqual(flowIn(flows, 3), entry({ lastSeen: 9 }));
      t.is(flowIn(flows, 5)?.balancer, 3);
      t.deepEqual([...fresh.keys()], []);
    });
  },
  needs,
);

kernelTest(
  'a balancer whose connections are ended takes no flow of a client who is back with the same port',
  async (t) => {
    await withDataPath((path) => {
      const { flows, flows_new: fresh } = path.maps;
      fresh.update(key(1), encodeFlow(entry({ balancer: 3 })));
      fresh.update(key(2), encodeFlow(entry({ lastAck: 7 })));
      t.like(confirmFlows(path, owner, [1, 2, 3].map(key), 9, true), { moved: 2, restored: 1, contested: 1 });
      t.is(flowIn(fresh, 1)?.balancer, 3);
      t.deepEqual([...flows.keys()].length, 2);
    });
  },
  needs,
);

kernelTest(
  'the flows of proxied sockets are entered as their own, and go when the sockets end',
  async (t) => {
    await withDataPath((path) => {
      const { flows, flows_new: fresh } = path.maps;
      fresh.update(key(1), encodeFlow(entry({ ...proxyOwner, lastAck: 7 })));
      const keys = [1, 2].map(key);
      t.like(confirmFlows(path, proxyOwner, keys, 9), { moved: 2, restored: 1 });
      t.deepEqual(flowIn(flows, 1), entry({ ...proxyOwner, lastAck: 7 }));
      t.deepEqual(flowIn(flows, 2), entry({ ...proxyOwner, lastSeen: 9 }));
      t.is(disownFlows(path, proxyOwner, keys), 2);
      t.deepEqual([...flows.keys()], []);
    });
  },
  needs,
);

kernelTest(
  'endpoints and whose answers come from them are exactly those that are wanted',
  async (t) => {
    await withDataPath((path) => {
      const { endpoints, origins } = path.maps;
      const one = endpoint(7, 1, '10.0.1.1', vip4);
      const other = endpoint(7, 3, '10.0.1.3', vip4);
      writeEndpoints(path, [one, other]);
      t.is([...endpoints.keys()].length, 2);
      writeEndpoints(path, [other]);
      t.deepEqual([...endpoints.keys()], [endpointKey(7, 3)]);
      t.deepEqual([...origins.keys()], [serviceKey(other.address, other.port)]);
      t.deepEqual(endpoints.lookup(endpointKey(7, 3)), serviceKey(other.address, other.port));
      t.like(originLayout.read(origins.lookup(serviceKey(other.address, other.port))!), {
        port: 9003,
        service: 7,
        balancer: 3,
      });
      t.throws(() => writeEndpoints(path, [one, { ...one, service: 6 }]), { instanceOf: RangeError });
      t.is([...endpoints.keys()].length, 1);
    });
  },
  needs,
);

kernelTest(
  'a program on XDP is replaced by one on tcx, which goes on with its flows',
  async (t) => {
    await withDirectory((directory) => {
      const first = openDataPath(directory);
      writeState(first, world());
      first.maps.flows.update(key(1), encodeFlow(entry()));
      const { programId } = first;
      first.close();
      const ifindex = ifindexOf('hg-xdp-a');
      const second = DataPath.open({ directory, ifindex, mode: 'tcx', capacity });
      t.true(second.adopted);
      t.is(second.mode, 'tcx');
      t.not(second.programId, programId);
      t.deepEqual(flowIn(second.maps.flows, 1), entry());
      second.close();
      const third = DataPath.open({ directory, ifindex, mode: 'tcx', capacity });
      t.true(third.adopted);
      third.detach();
    });
  },
  [...needs, tcxAvailable],
);

kernelTest(
  'taking nothing new is a switch in the running configuration',
  async (t) => {
    await withDataPath((path) => {
      const read = () => configLayout.read(path.maps.config.lookup(0)!);
      const before = read();
      path.setRefuseNew(true);
      t.deepEqual(read(), { ...before, refuseNew: 1 });
      path.setRefuseNew(false);
      t.deepEqual(read(), before);
    });
  },
  needs,
);

kernelTest(
  'what does not fit the table of confirmed flows stays evictable and is counted',
  async (t) => {
    await withDataPath((path) => {
      const keys = Array.from({ length: 300 }, (_, port) => key(port + 1));
      for (const one of keys) path.maps.flows_new.update(one, encodeFlow(entry()));
      const { moved, full } = confirmFlows(path, owner, keys, 9);
      t.is(moved + full, 300);
      t.true(full >= 300 - 256);
      t.is([...path.maps.flows_new.keys()].length, full);
    });
  },
  needs,
);

kernelTest(
  'disowned flows become evictable and closing, unless they are opening or belong to another balancer',
  async (t) => {
    await withDataPath((path) => {
      const { flows, flows_new: fresh } = path.maps;
      flows.update(key(1), encodeFlow(entry()));
      fresh.update(key(2), encodeFlow(entry({ state: FlowState.Closing })));
      fresh.update(key(3), encodeFlow(entry({ state: FlowState.Opening })));
      flows.update(key(4), encodeFlow(entry({ balancer: 3 })));
      flows.update(key(5), encodeFlow(entry({ generation: 2 })));
      fresh.update(key(6), encodeFlow(entry({ lastAck: 7 })));
      t.is(disownFlows(path, owner, [1, 2, 3, 4, 5, 6, 7].map(key)), 2);
      t.is(flowIn(flows, 1), undefined);
      t.deepEqual(flowIn(fresh, 1), entry({ state: FlowState.Closing }));
      t.deepEqual(flowIn(fresh, 2), entry({ state: FlowState.Closing }));
      t.deepEqual(flowIn(fresh, 3), entry({ state: FlowState.Opening }));
      t.deepEqual(flowIn(fresh, 6), entry({ state: FlowState.Closing, lastAck: 7 }));
      t.truthy(flowIn(flows, 4));
      t.truthy(flowIn(flows, 5));
      t.is(disownFlows(path, owner, [1, 2, 3, 6].map(key)), 0, 'once is enough');
    });
  },
  needs,
);

kernelTest(
  'a client that is back with the same port before its old connection was disowned stays where its SYN went',
  async (t) => {
    await withDataPath((path) => {
      const { flows, flows_new: fresh } = path.maps;
      flows.update(key(1), encodeFlow(entry()));
      // The SYN followed the entry and changed nothing; then the end of the old connection is told.
      t.is(disownFlows(path, owner, [key(1)]), 1);
      t.is(flowIn(fresh, 1)?.balancer, owner.balancer, 'where data goes meanwhile');
      t.like(confirmFlows(path, owner, [key(1)], 9), { moved: 1, restored: 0 });
      t.deepEqual(flowIn(flows, 1), entry());
      t.is(flowIn(fresh, 1), undefined);
    });
  },
  needs,
);

kernelTest(
  'a change of a table is written beside the running one, and services that are gone leave nothing behind',
  async (t) => {
    await withDataPath((path) => {
      const { maps } = path;
      const tableOf = (port: number) => {
        for (const one of Array.from(maps.services.keys())) {
          const view = new DataView(one.buffer, one.byteOffset);
          if (view.getUint16(16) === port)
            return new DataView(maps.services.lookup(one)!.buffer).getUint32(4, true);
        }
        return undefined;
      };
      const only = service(0, vip4, 9000, Mode.Tun, 1);
      writeServices(path, [only]);
      const first = tableOf(9000);
      writeServices(path, [service(0, vip4, 9000, Mode.Tun, noBalancer)]);
      const second = tableOf(9000);
      t.true(first !== second && [0, 1].includes(first!) && [0, 1].includes(second!));
      t.is(maps.tables.lookup(first!)![0], 1);
      t.is(maps.tables.lookup(second!)![0], 0xff);
      t.is([...maps.services.keys()].length, 1);
      t.is([...maps.vips.keys()].length, 1);
      writeServices(path, []);
      t.deepEqual([...maps.services.keys()], []);
      t.throws(() => writeServices(path, [only, service(12, vip4b, 1, Mode.Dr, 1)]), {
        code: 'HEADGATE_XDP_CAPACITY',
      });
      t.deepEqual([...maps.services.keys()], []);
    });
  },
  needs,
);
