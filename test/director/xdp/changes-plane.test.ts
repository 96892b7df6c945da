/** A service that leaves this plane for one that takes the VIP: with connections it waits, and nobody new is reset by it. */
import test from 'ava';
import type { ForwardingTable } from '../../../director/index.ts';
import type { PacketPlane, PacketPlaneKind } from '../../../director/packet-planes.ts';
import { TcpFlag } from '../../../lib/packet/index.ts';
import { kernelTest } from '../../lib/linux/bpf/kernel-test.ts';
import { ownNamespaces } from '../../lib/linux/bpf/own-namespaces.ts';
import { makeWire } from './small-data-path.ts';
import { beUp, report, sentTo, smallTopology, withDirector } from './small-director.ts';
import type { SmallPlane } from './small-plane.ts';

const { Syn, Ack } = TcpFlag;
const passed = { kind: 'passed' } as const;

test.before(() => {
  if (ownNamespaces().available) makeWire();
});

/** Another plane, which carries nothing. */
function otherPlane(): PacketPlaneKind {
  const total = { accepted: 0, refusedNoBalancer: 0, refusedUnreachable: 0, connections: 0 };
  const plane: PacketPlane = {
    name: 'other',
    memory: { modes: new Map(), eligible: new Map(), dead: new Set(), balancers: [] },
    apply: (_table: ForwardingTable) => Promise.resolve(),
    stats: () => ({ total, services: {}, balancers: {}, limit: 1, refusedFull: 0, counters: {} }),
    flows: () => [],
    find: () => undefined,
    detail: () => [],
    drain: () => Promise.resolve(),
    close: () => Promise.resolve(),
    expect: () => undefined,
    obstacle: () => undefined,
    setTopology: () => undefined,
  };
  return {
    name: 'other',
    modes: ['fullnat'],
    takesVip: true,
    endsBy: 'nothing',
    lack: () => undefined,
    isPinned: () => false,
    open: () => plane,
  };
}

/** Why the service is forwarded as it is. */
const modeOf = (director: SmallPlane) => director.node.status().forwarding!.services[0]!.mode;

kernelTest(
  'a connection that nobody has counted yet is waited for, and so is a handshake, until they have ended',
  async (t) => {
    await withDirector(
      async (director) => {
        await director.start(smallTopology(['b1']));
        await beUp(director, 'b1');
        await director.wait(2_000);
        t.deepEqual(director.send(20_000, Syn), sentTo('b1'));
        await director.apply(smallTopology(['b1'], { mode: 'fullnat' }));
        t.is(modeOf(director), 'dr');
        t.deepEqual(director.send(20_000, Ack), sentTo('b1'));
        t.deepEqual(director.send(20_001, Syn), sentTo('b1'), 'new ones go on as before');
        director.send(20_001, Ack);
        report(director, 'b1', [20_000, 20_001]);
        await director.wait(15_000);
        t.is(modeOf(director), 'dr');
        report(director, 'b1', [], true);
        await director.wait(3_000);
        t.is(modeOf(director), 'fullnat');
        t.deepEqual(director.send(20_002, Syn), passed);
      },
      [otherPlane()],
    );
  },
  [ownNamespaces],
);

kernelTest(
  'new packets of a service that another plane takes with the VIP pass, also while a flow of before is still there',
  async (t) => {
    await withDirector(
      async (director) => {
        await director.start(smallTopology(['b1']));
        await beUp(director, 'b1');
        await director.apply(smallTopology(['b1'], { mode: 'fullnat' }));
        t.is(modeOf(director), 'fullnat');
        // It had begun in the moment of the change, and its balancer has it.
        report(director, 'b1', [20_000]);
        t.deepEqual(director.send(20_000, Ack), sentTo('b1'));
        t.deepEqual(director.send(20_001, Syn), passed);
        await director.wait(15_000);
        t.deepEqual(director.send(20_002, Syn), passed);
        t.deepEqual(director.send(20_000, Ack), sentTo('b1'));
        await director.apply(smallTopology(['b1']));
        t.is(modeOf(director), 'dr');
        t.deepEqual(director.send(20_003, Syn), sentTo('b1'));
      },
      [otherPlane()],
    );
  },
  [ownNamespaces],
);
