import test from 'ava';
import { TcpFlag } from '../../../lib/packet/index.ts';
import { kernelTest } from '../../lib/linux/bpf/kernel-test.ts';
import { ownNamespaces } from '../../lib/linux/bpf/own-namespaces.ts';
import { makeWire } from './small-data-path.ts';
import { beUp, hostOf, report, smallTopology, withDirector } from './small-director.ts';
import type { Fate } from './small-plane.ts';

const { Syn, Ack } = TcpFlag;
const needs = [ownNamespaces];

test.before(() => {
  if (ownNamespaces().available) makeWire();
});

/** Where a packet went, or what became of it. */
function hostFor(fate: Fate): string {
  return fate.kind === 'sent' ? fate.host : fate.kind;
}

kernelTest(
  'a balancer for which there is no index gets no share of the clients, until one is free',
  async (t) => {
    await withDirector(async (director) => {
      const names = ['b1', 'b2', 'b3', 'b4', 'b5', 'b6', 'b7', 'b8', 'b9'];
      const first = names.slice(0, 8);
      await director.start(smallTopology(first));
      await beUp(director, ...first);
      // b1 is replaced by b9, and keeps a connection, and so its index.
      let kept = 20_000;
      while (hostFor(director.send(kept, Syn)) !== hostOf('b1')) kept++;
      director.send(kept, Ack);
      report(director, 'b1', [kept]);
      await director.wait(2_000);
      await director.apply(smallTopology(names.slice(1)));
      await beUp(director, ...names.slice(1));
      await director.wait(3_000);
      const fates = (from: number) =>
        Array.from({ length: 500 }, (_, nth) => hostFor(director.send(from + nth, Syn)));
      t.deepEqual([...new Set(fates(10_000))].sort(), names.slice(1, 8).map(hostOf));
      report(director, 'b1', [], true);
      await director.wait(15_000);
      t.true(fates(11_000).includes(hostOf('b9')));
    });
  },
  needs,
);

kernelTest(
  'a director that starts anew goes on refusing what its full table cannot hold',
  async (t) => {
    await withDirector(async (director) => {
      const flows = { onFull: 'refuse' };
      await director.start(smallTopology(['b1'], { flows }));
      await beUp(director, 'b1');
      for (let port = 10_000; port < 11_024; port++) {
        director.send(port, Syn);
        director.send(port, Ack);
        report(director, 'b1', [port]);
      }
      await director.wait(3_000);
      t.deepEqual(director.send(9, Syn), { kind: 'reset' });
      await director.kill();
      await director.start(smallTopology(['b1'], { flows }));
      t.deepEqual(director.send(9, Syn), { kind: 'reset' });
    });
  },
  needs,
);
