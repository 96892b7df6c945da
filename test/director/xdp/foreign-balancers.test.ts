import test from 'ava';
import { TcpFlag } from '../../../lib/packet/index.ts';
import { kernelTest } from '../../lib/linux/bpf/kernel-test.ts';
import { ownNamespaces } from '../../lib/linux/bpf/own-namespaces.ts';
import { makeWire } from './small-data-path.ts';
import { beUp, sentTo, smallTopology, withDirector } from './small-director.ts';
import type { SmallPlane } from './small-plane.ts';

const { Syn, Ack, Fin } = TcpFlag;
const needs = [ownNamespaces];

test.before(() => {
  if (ownNamespaces().available) makeWire();
});

/** b1, which does not speak headgate, is removed, b2 takes its place, and time passes; the client of port 5,000 is silent. */
async function replace(director: SmallPlane): Promise<void> {
  await director.apply(smallTopology(['b2'], { foreign: true }));
  await beUp(director, 'b2');
  await director.wait(5_000);
}

async function startWith(director: SmallPlane, name: string): Promise<void> {
  await director.start(smallTopology([name], { foreign: true }));
  await beUp(director, name);
}

kernelTest(
  'a client that came back with the same port has a living connection: it stays when its balancer is removed',
  async (t) => {
    await withDirector(async (director) => {
      await startWith(director, 'b1');
      director.send(5_000, Syn);
      director.send(5_000, Ack);
      await director.wait(3_000);
      const find = () => director.plane.find('chat', { host: '192.0.2.1', port: 5_000 });
      t.like(find(), { state: 'established', confirmed: true });
      director.send(5_000, Fin | Ack);
      await director.wait(5_000);
      t.deepEqual(director.send(5_000, Syn), sentTo('b1'));
      t.deepEqual(director.send(5_000, Ack), sentTo('b1'));
      await director.wait(90_000, 250);
      t.like(find(), { state: 'established', confirmed: true });
      await replace(director);
      t.deepEqual(director.send(5_000, Ack), sentTo('b1'));
    });
  },
  needs,
);

kernelTest(
  'a connection that its client half-closed at once stays while bytes come, when its balancer is removed',
  async (t) => {
    await withDirector(async (director) => {
      await startWith(director, 'b1');
      director.send(5_000, Syn);
      director.send(5_000, Ack);
      // Before the first walk over the flows.
      director.send(5_000, Fin | Ack);
      // The answer is long: the client acknowledges what it gets.
      const acknowledge = async (): Promise<void> => {
        for (let round = 0; round < 20; round++) {
          await director.wait(500);
          t.deepEqual(director.send(5_000, Ack), sentTo('b1'));
        }
      };
      await acknowledge();
      await replace(director);
      await acknowledge();
      t.is(director.plane.stats().balancers['b1@10.0.1.1'], 1);
      await director.wait(70_000, 250);
      t.is(director.plane.stats().balancers['b1@10.0.1.1'], undefined, 'it is not waited for without end');
      t.deepEqual(director.send(5_000, Ack), sentTo('b2'));
    });
  },
  needs,
);

kernelTest(
  'a connection that began while no director ran for long stays when its balancer is removed',
  async (t) => {
    await withDirector(async (director) => {
      await startWith(director, 'b1');
      await director.wait(3_000);
      await director.kill();
      await director.wait(120_000, 1_000);
      t.deepEqual(director.send(5_000, Syn), sentTo('b1'));
      t.deepEqual(director.send(5_000, Ack), sentTo('b1'));
      await director.wait(1_000);
      await startWith(director, 'b1');
      await director.wait(30_000, 250);
      await replace(director);
      t.deepEqual(director.send(5_000, Ack), sentTo('b1'));
    });
  },
  needs,
);
