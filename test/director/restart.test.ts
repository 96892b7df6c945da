/** What a director knows of an earlier process of its own, when it starts on a busy machine. */
import test, { type ExecutionContext } from 'ava';
import { startDirectorWith, type ForwardingTable } from '../../director/index.ts';
import type { PacketPlane } from '../../director/packet-planes.ts';
import { formatEndpoint } from '../../lib/address/index.ts';
import { ControlKey, type ControlServer } from '../../lib/control/index.ts';
import { ManualClock } from '../manual-clock.ts';
import { until } from '../until.ts';
import { fakeRelay } from './fake-relay.ts';
import { balancer, FakeHeartbeats, service, silentLog, topology } from './fixtures.ts';

const id = 'b1@10.0.1.1';
const vip = { host: '203.0.113.10', port: 9000 };

/** A plane that carries dr, as an earlier process left it with b1 eligible. */
function adoptedPlane(tables: ForwardingTable[]): PacketPlane {
  const total = { accepted: 0, refusedNoBalancer: 0, refusedUnreachable: 0, connections: 0 };
  return {
    name: 'adopted',
    memory: {
      modes: new Map([[formatEndpoint(vip), 'dr']]),
      eligible: new Map([[formatEndpoint(vip), new Set([id])]]),
      dead: new Set(),
      balancers: [],
    },
    apply: (table) => Promise.resolve(void tables.push(table)),
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
}

/** A director that finds the adopted plane, and the tables it gave to it. */
async function restart(
  t: ExecutionContext,
  forwarding: 'dr' | 'auto',
  opening: () => void,
  clock: ManualClock,
) {
  const tables: ForwardingTable[] = [];
  const chat = service('chat', { forwarding, listen: vip });
  const node = await startDirectorWith(
    {
      topology: topology([balancer('b1', { host: '10.0.1.1' })], [chat]),
      node: 'd1',
      key: ControlKey.fromSecret(new Uint8Array(32)),
      control: { handle: () => undefined } as unknown as ControlServer,
      log: silentLog,
      logFormat: 'json',
      clock,
    },
    {
      createRelay: fakeRelay().createRelay,
      createHeartbeats: (options) => new FakeHeartbeats(options),
      preface: () => new Uint8Array(),
      limit: 1,
      random: () => 0.5,
      packetPlanes: [
        {
          name: 'adopted',
          modes: ['dr'],
          takesVip: false,
          endsBy: 'nothing',
          lack: () => undefined,
          isPinned: () => true,
          open: () => {
            opening();
            return adoptedPlane(tables);
          },
        },
      ],
    },
  );
  t.teardown(() => node.close());
  return tables;
}

test('however long the start takes, new connections go where they went until the balancers were asked', async (t) => {
  const clock = new ManualClock();
  // Loading a program waits for its turn on the processor.
  const tables = await restart(t, 'dr', () => clock.advance(30_000), clock);
  const owners = (): readonly string[] => tables.at(-1)!.services[0]!.owners.map((owner) => owner.id);
  t.deepEqual(owners(), [id]);
  // From now on there is time for an answer, and nobody gives one.
  clock.advance(9_000);
  t.deepEqual(owners(), [id]);
  clock.advance(2_000);
  await until(() => owners().length === 0, 'the time to be over');
});

test('auto goes on in the mode that runs until a balancer says otherwise: no new connection ends with the next process', async (t) => {
  const tables = await restart(t, 'auto', () => undefined, new ManualClock());
  t.deepEqual(
    tables.map(({ services }) => services[0]!.mode),
    ['dr'],
  );
});
