import test from 'ava';
import { TcpFlag } from '../../../lib/packet/index.ts';
import { kernelTest } from '../../lib/linux/bpf/kernel-test.ts';
import { ownNamespaces } from '../../lib/linux/bpf/own-namespaces.ts';
import { makeWire } from './small-data-path.ts';
import { beUp, smallTopology, withDirector } from './small-director.ts';

const { Ack } = TcpFlag;

test.before(() => {
  if (ownNamespaces().available) makeWire();
});

/** The program runs already, for another service. */
const others = { other: { listen: '203.0.113.11:9001', forwarding: 'dr' } };

interface Way {
  readonly title: string;
  /** Whom a PROXY header names as the client. */
  readonly header?: { readonly host: string; readonly port: number };
  /** Names and modes of the service, one after the other. */
  readonly changes: readonly (readonly [service: string, mode: string])[];
}

const ways: readonly Way[] = [
  { title: 'a proxied connection goes on when its service leaves proxy', changes: [['chat', 'dr']] },
  {
    title: 'a proxied connection whose client a PROXY header names goes on when its service leaves proxy',
    header: { host: '198.51.100.77', port: 4_242 },
    changes: [['chat', 'dr']],
  },
  {
    title: 'a proxied connection of a service that got another name goes on when it leaves proxy',
    changes: [
      ['talk', 'proxy'],
      ['talk', 'dr'],
    ],
  },
  {
    title: 'a proxied connection of a service that gets another name goes on when it leaves proxy with that',
    changes: [['talk', 'dr']],
  },
];

for (const { title, header, changes } of ways) {
  kernelTest(
    title,
    async (t) => {
      await withDirector(async (director) => {
        const change = (service: string, mode: string) =>
          smallTopology(['b1'], { foreign: true, service, mode, others });
        await director.start(change('chat', 'proxy'));
        await beUp(director, 'b1');
        t.is(typeof (await director.relay.connect('chat', 6_000, header)), 'object');
        await director.wait(3_000);
        for (const [service, mode] of changes) {
          await director.apply(change(service, mode));
          await director.wait(3_000);
        }
        t.is(director.relay.connections.size, 1);
        t.deepEqual(director.send(6_000, Ack), { kind: 'passed' });
      });
    },
    [ownNamespaces],
  );
}
