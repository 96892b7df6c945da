import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { BpfMap, Link, mountBpffs, unmountBpffs } from '../../../lib/linux/bpf/index.ts';
import { formatMac } from '../../../lib/packet/index.ts';
import { buildForwardingTable } from '../../../director/index.ts';
import { configLayout } from '../../../director/forward/index.ts';
import { defaultCapacity, detachDirector, mapSpecs, xdpKind } from '../../../director/xdp/index.ts';
import { pinDirectory } from '../../../director/xdp/system.ts';
import { environment } from '../../../node/index.ts';
import { kernelTest } from '../../lib/linux/bpf/kernel-test.ts';
import { ifindexOf, ip, ownNamespaces, temporaryDirectory } from '../../lib/linux/bpf/own-namespaces.ts';
import { ManualClock } from '../../manual-clock.ts';
import { collectingLog, health } from '../fixtures.ts';
import { makeWire } from './small-data-path.ts';
import { smallTopology } from './small-director.ts';

test.before(() => {
  if (ownNamespaces().available) makeWire();
});

kernelTest(
  'the program follows its interface: its MAC address, its MTU, and when it is deleted and made anew',
  async (t) => {
    const root = temporaryDirectory();
    mountBpffs(root);
    const env = { [environment.bpffs]: root };
    const topology = smallTopology(['b1']);
    const director = { ...topology.directors[0]!, interface: 'hg-xdp-a' };
    const clock = new ManualClock();
    const { log, lines } = collectingLog();
    const plane = xdpKind(env).open({
      director,
      topology,
      tier: { clock, log },
      proxied: () => undefined,
      onChange: () => undefined,
    });
    const directory = pinDirectory(env, topology, director);
    const { flows } = topology;
    const sizes = { ...defaultCapacity, flows: flows.capacity, unconfirmedFlows: flows.unconfirmed };
    const config = BpfMap.open(join(directory, 'config'), 'config', mapSpecs(sizes).config);
    const known = () => {
      const value = config.lookup(0)!;
      return [formatMac(configLayout.get(value, 'ownMac')), configLayout.get(value, 'mtu')];
    };
    const attachedTo = () => {
      const link = Link.open(join(directory, 'link'));
      const { ifindex } = link.info();
      link.close();
      return ifindex;
    };
    const warnings = () => lines.filter(({ msg }) => /no interface hg-xdp-a/.test(String(msg))).length;
    try {
      await plane.apply(
        buildForwardingTable({ topology, health: (id) => health(id), removed: [], suspectsItself: false }),
      );
      ip('link set hg-xdp-a address 02:00:00:00:aa:aa');
      ip('link set hg-xdp-a mtu 1400');
      clock.advance(1_000);
      t.deepEqual(known(), ['02:00:00:00:aa:aa', 1_400]);

      const before = ifindexOf('hg-xdp-a');
      ip('link delete hg-xdp-a');
      for (let second = 0; second < 3; second++) clock.advance(1_000);
      t.is(warnings(), 1, 'once, not each second');
      makeWire();
      t.not(ifindexOf('hg-xdp-a'), before);
      t.is(attachedTo(), 0);
      clock.advance(1_000);
      t.is(attachedTo(), ifindexOf('hg-xdp-a'));
      t.deepEqual(known(), ['02:00:00:00:00:d1', 1_500]);
    } finally {
      config.close();
      await plane.close();
      detachDirector(env, topology, director);
      unmountBpffs(root);
      rmSync(dirname(root), { recursive: true });
    }
  },
  [ownNamespaces],
);
