/** Somebody takes the program off the interface under a director that runs. */
import { readdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { TcpFlag } from '../../../lib/packet/index.ts';
import { Link } from '../../../lib/linux/bpf/index.ts';
import { detachPinned } from '../../../director/xdp/data-path.ts';
import { kernelTest } from '../../lib/linux/bpf/kernel-test.ts';
import { ifindexOf, ownNamespaces } from '../../lib/linux/bpf/own-namespaces.ts';
import { collectingLog } from '../fixtures.ts';
import { makeWire } from './small-data-path.ts';
import { beUp, report, sentTo, smallTopology, withDirector } from './small-director.ts';

const { Syn, Ack } = TcpFlag;

test.before(() => {
  if (ownNamespaces().available) makeWire();
});

/** Interface of the link that is pinned in a directory. */
function interfaceOf(directory: string): number {
  const link = Link.open(join(directory, 'link'));
  try {
    return link.info().ifindex;
  } finally {
    link.close();
  }
}

/** What somebody may do, with the pins of the director in this directory. */
const deeds: Readonly<Record<string, (directory: string) => void>> = {
  'everything is taken away': (directory) => void detachPinned(directory),
  'the program is taken off its interface': (directory) => {
    const link = Link.open(join(directory, 'link'));
    link.detach();
    link.close();
  },
  'some pins are removed': (directory) => {
    for (const pin of ['link', 'flows', 'about']) unlinkSync(join(directory, pin));
  },
};

for (const [what, deed] of Object.entries(deeds)) {
  kernelTest(
    `${what} under a director that runs: a second later all is back with its flows, one line says so, and the next process adopts it`,
    async (t) => {
      const { log, lines } = collectingLog();
      const told = () => lines.map(({ msg }) => String(msg)).filter((msg) => msg.startsWith('somebody'));
      await withDirector(
        async (director) => {
          const { directory } = director;
          await director.start(smallTopology(['b1']));
          await beUp(director, 'b1');
          director.send(20_000, Syn);
          director.send(20_000, Ack);
          report(director, 'b1', [20_000]);
          const pins = readdirSync(directory).sort();
          await director.wait(2_000);
          t.deepEqual(told(), []);
          deed(directory);
          await director.wait(1_000);
          t.deepEqual(readdirSync(directory).sort(), pins);
          t.is(interfaceOf(directory), ifindexOf('hg-xdp-a'));
          await director.wait(3_000);
          t.is(told().length, 1);
          await director.kill();
          await director.start(smallTopology(['b1']));
          t.is(director.plane.stats().balancers['b1@10.0.1.1'], 1, 'its flow was adopted');
          t.deepEqual(director.send(20_000, Ack), sentTo('b1'));
        },
        [],
        log,
      );
    },
    [ownNamespaces],
  );
}
